"""What the selects of step forms offer, and how the things that steps point at are called.

Rooms above bring options of their own (engagements, surveys) by registering here.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from csplatform.customers.attributes import BUILT_IN, Spec, attribute_specs
from csplatform.customers.models import AttributeDefinition, EventName
from csplatform.kit.registry import Registry
from csplatform.rules.options import attribute_values
from csplatform.segments.models import Segment
from journeys.models import EmailTemplate, EntryList, WebhookEndpoint

Options = Sequence[tuple[str, str]]
COMPANY = "company."  # before the name of an attribute: that of the company

# provider key of a config field -> callable(subject) giving (value, label) pairs
option_providers: Registry[Callable[[str], Options]] = Registry("option provider")
# reference type of StepKind.references -> callable(ids) giving id -> name, one query for all
reference_names: Registry[Callable[[Iterable[int | str]], Mapping[int | str, str]]] = Registry(
    "reference names"
)
# reference type -> name of the admin page that shows one, e.g. "admin:segments_segment_change"
reference_pages: Registry[str] = Registry("reference page")


def options_of(provider: str, subject: str) -> list[tuple[str, str]]:
    """The options of a provider; none for one that nobody registered."""
    if provider not in option_providers:
        return []
    return [(str(value), label) for value, label in option_providers.get(provider)(subject)]


def names_of(references: Iterable[tuple[str, int | str]]) -> dict[str, str]:
    """Names of references as "type:id" -> name; one query per type. Gone ones are missing."""
    wanted: dict[str, set[int | str]] = {}
    for kind, key in references:
        wanted.setdefault(kind, set()).add(key)
    names: dict[str, str] = {}
    for kind, keys in wanted.items():
        if kind in reference_names:
            found = reference_names.get(kind)(keys)
            names |= {f"{kind}:{key}": name for key, name in found.items()}
    return names


def _values_of(name: str) -> Callable[[str], Options]:
    """Frequent values of a text attribute of people."""

    def options(subject: str) -> Options:
        return [(value, value) for value in attribute_values("person", BUILT_IN["person"][name])]

    return options


def _segments(subject: str) -> Options:
    rows = Segment.objects.of(subject).listed().order_by("name").values_list("pk", "name")
    return [(str(pk), name) for pk, name in rows]


def _email_templates(subject: str) -> Options:
    rows = EmailTemplate.objects.order_by("name").values_list("pk", "name")
    return [(str(pk), name) for pk, name in rows]


def _webhook_endpoints(subject: str) -> Options:
    rows = WebhookEndpoint.objects.order_by("name").values_list("pk", "name", "is_active")
    return [(str(pk), name if active else f"{name} (switched off)") for pk, name, active in rows]


def _attributes(subject: str, fit: Callable[[Spec], bool]) -> Options:
    """Own attributes, and for people those of the company that they travel for."""
    found = [(s.name, s.label) for s in attribute_specs(subject).values() if fit(s)]
    if subject == "person":
        specs = attribute_specs("company").values()
        found += [(f"{COMPANY}{s.name}", f"Company: {s.label}") for s in specs if fit(s)]
    return found


def _event_names(subject: str) -> Options:
    rows = EventName.objects.order_by("name").values_list("name", "label")[:500]
    return [(name, label or name) for name, label in rows]


def _writable_attributes(subject: str) -> Options:
    return _attributes(subject, lambda spec: spec.writable)


def _readable_attributes(subject: str) -> Options:
    return _attributes(subject, lambda spec: True)


def _number_attributes(subject: str) -> Options:
    return _attributes(subject, lambda spec: spec.writable and spec.type == "number")


def _date_attributes(subject: str) -> Options:
    specs = attribute_specs(subject).values()
    return [(spec.name, spec.label) for spec in specs if spec.type in ("date", "datetime")]


def _attribute_labels(keys: Iterable[int | str]) -> dict[int | str, str]:
    """Labels by name. A name that people and companies both have is called as for people."""
    found: dict[int | str, str] = {}
    given = {str(key) for key in keys}
    wanted = {name for name in given if not name.startswith(COMPANY)}
    if at_company := {name.removeprefix(COMPANY) for name in given - wanted}:
        specs = attribute_specs("company")
        found |= {f"{COMPANY}{n}": f"Company: {specs[n].label}" for n in at_company if n in specs}
    for subject in ("company", "person"):
        found |= {n: spec.label for n, spec in BUILT_IN[subject].items() if n in wanted}
    rows = AttributeDefinition.objects.filter(name__in=wanted).order_by("subject")
    return found | dict(rows.values_list("name", "label"))


def _names_in(
    model: type[Segment] | type[EmailTemplate] | type[WebhookEndpoint] | type[EntryList],
    keys: Iterable[int | str],
) -> dict:
    return dict(model._default_manager.filter(pk__in=list(keys)).values_list("pk", "name"))


def register() -> None:
    """Options and names that journeys itself brings."""
    option_providers.register("segments", _segments)
    option_providers.register("person_roles", _values_of("role"))
    option_providers.register("person_personas", _values_of("persona"))
    option_providers.register("email_templates", _email_templates)
    option_providers.register("webhook_endpoints", _webhook_endpoints)
    option_providers.register("writable_attributes", _writable_attributes)
    option_providers.register("readable_attributes", _readable_attributes)
    option_providers.register("number_attributes", _number_attributes)
    for kind, page in (
        ("segment", "segments_segment"), ("email_template", "journeys_emailtemplate"),
        ("webhook_endpoint", "journeys_webhookendpoint"),
    ):  # fmt: skip
        reference_pages.register(kind, f"admin:{page}_change")
    option_providers.register("date_attributes", _date_attributes)
    option_providers.register("event_names", _event_names)
    reference_names.register("entry_list", lambda keys: _names_in(EntryList, keys))
    reference_names.register("attribute", _attribute_labels)
    reference_names.register("segment", lambda keys: _names_in(Segment, keys))
    reference_names.register("email_template", lambda keys: _names_in(EmailTemplate, keys))
    reference_names.register("webhook_endpoint", lambda keys: _names_in(WebhookEndpoint, keys))

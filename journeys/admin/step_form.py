"""The form of a step, derived from its kind's config: inputs with values, for the templates.

A kind's own widget name finds its template in admin/journeys/program/inputs/; an unknown one
falls back to a text input, so that a kind from elsewhere always has a form.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.template.loader import select_template
from pydantic import Field, ValidationError

from csplatform.customers.attributes import attribute_specs
from csplatform.kit.schema import Config, FormField, form_fields
from journeys.fields.form import form_of_fields, values_of_form
from journeys.flow.document import Flow, FlowStep, walk
from journeys.flow.entry import (
    ControlConfig,
    EntryConfig,
    LeavingConfig,
    source_items,
)
from journeys.steps.options import options_of
from journeys.steps.registry import step_kinds

INPUTS = "admin/journeys/program/inputs"
# Inputs that take options as suggestions, and those whose type alone asks for a select.
PLAIN = ("text", "number")
RULE: dict[str, Any] = {"widget": "rule"}


@dataclass(frozen=True)
class Input:
    """One input of a form.

    Attributes:
        items: for lists, the inputs of each item; blank: those of a new one.
        blanks: (kind, label, inputs) of new items, where items are of several kinds.
    """

    name: str
    label: str
    help: str
    widget: str
    template: str
    required: bool
    value: Any
    options: tuple[tuple[str, str], ...] = ()
    fields: tuple["Input", ...] = ()
    items: tuple[tuple["Input", ...], ...] = ()
    blank: tuple["Input", ...] = ()
    blanks: tuple[tuple[str, str, tuple["Input", ...]], ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The value for a text or number input."""
        return "" if self.value is None else str(self.value)


class ExitRuleForm(Config):
    """A rule that takes people out at once."""

    name: str = Field(default="", max_length=100, title="Name")
    rule: dict[str, Any] = Field(default={}, title="Leaves when", json_schema_extra=RULE)


class AimsForm(Config):
    """Goal and exit rules as one form."""

    goal: dict[str, Any] | None = Field(
        default=None, title="Goal", json_schema_extra={**RULE, "optional": "Set a goal"}
    )
    goal_exits: bool = Field(
        default=True,
        title="Reaching the goal ends the run",
        description="Otherwise the run goes on and is only tagged.",
    )
    exits: list[ExitRuleForm] = Field(
        default=[],
        title="Exit rules",
        description="Whoever matches one is unenrolled at once, wherever they wait.",
    )
    leaving: LeavingConfig = Field(default=LeavingConfig(), title="Leaving")
    control: ControlConfig = Field(
        default=ControlConfig(),
        title="Control group",
        description="Compare the goal with people who get nothing.",
    )


@dataclass(frozen=True)
class Offer:
    """Something a conditional wait can wait for, of a step before it.

    Attributes:
        of_people: in a company program several people may do it: how many is asked.
    """

    step: str
    event: str
    label: str
    positive: bool
    of_people: bool = False


def step_inputs(flow: Flow, step: FlowStep, subject: str) -> tuple[Input, ...]:
    """The inputs of a step's settings; none for a kind that nobody knows."""
    if step.kind not in step_kinds:
        return ()
    return inputs_of(form_fields(step_kinds.get(step.kind).Config), step.config, subject)


def entry_inputs(
    flow: Flow, subject: str, files: Sequence[tuple[str, str]] = ()
) -> tuple[Input, ...]:
    """The inputs of the entry. `files`: (id, name) of the program's uploaded files."""
    items = [{"kind": "segment", **source} for source in source_items(flow.entry)]
    values = {**flow.entry, "sources": items}
    return inputs_of(form_fields(EntryConfig), values, subject, {"entry_lists": tuple(files)})


def aims_inputs(flow: Flow, subject: str) -> tuple[Input, ...]:
    """The inputs of goal and exit rules."""
    values = {
        "goal": flow.goal, "goal_exits": flow.goal_exits, "exits": list(flow.exit_rules),
        "leaving": flow.leaving, "control": flow.control,
    }  # fmt: skip
    return inputs_of(form_fields(AimsForm), values, subject)


def fields_inputs(flow: Flow, subject: str) -> tuple[Input, ...]:
    """The inputs of the calculated fields."""
    return inputs_of((form_of_fields(subject),), {"fields": values_of_form(flow.fields)}, subject)


def inputs_of(
    fields: Sequence[FormField],
    values: Mapping[str, Any],
    subject: str,
    given: Mapping[str, tuple[tuple[str, str], ...]] | None = None,
) -> tuple[Input, ...]:
    """Inputs for fields, with options looked up once per form.

    Args:
        given: options of providers that only the caller knows.
    """
    return _Builder(subject, given or {}).inputs(fields, values)


class _Builder:
    """Builds the inputs of one form."""

    def __init__(self, subject: str, given: Mapping[str, tuple[tuple[str, str], ...]]) -> None:
        self.subject = subject
        self.found: dict[str, tuple[tuple[str, str], ...]] = dict(given)

    def options(self, item: FormField) -> tuple[tuple[str, str], ...]:
        choices = dict(item.extra).get("choices")
        if isinstance(choices, list):  # with what each takes: (key, label, takes)
            return tuple((str(choice[0]), str(choice[1])) for choice in choices)
        if not item.provider:
            return item.options
        if item.provider not in self.found:
            self.found[item.provider] = tuple(options_of(item.provider, self.subject))
        return self.found[item.provider]

    def inputs(self, fields: Sequence[FormField], values: Mapping[str, Any]) -> tuple[Input, ...]:
        return tuple(
            self.input(item, values.get(item.name, item.default))
            for item in fields
            if self.subject in dict(item.extra).get("subjects", (self.subject,))
        )

    def input(self, item: FormField, value: Any) -> Input:
        widget = "select" if item.provider and item.widget in PLAIN else item.widget
        if widget == "select" and len(item.options) == 1:
            widget = "fixed"  # nothing to choose
        found = Input(
            name=item.name,
            label=item.label,
            help=item.help,
            widget=widget,
            template=_template(widget),
            required=item.required,
            value=value,
            options=self.options(item),
            extra=dict(item.extra) | _told(item),
        )
        if item.variants:
            return self.variants(item, found)
        if item.widget == "object":
            inner = value if isinstance(value, dict) else {}
            return replace(found, fields=self.inputs(item.fields, inner))
        if item.fields:
            rows = [row for row in _listed(value) if isinstance(row, dict)]
            items = tuple(self.inputs(item.fields, row) for row in rows)
            return replace(found, value=rows, items=items, blank=self.inputs(item.fields, {}))
        if item.widget in ("chips", "numbers"):
            return replace(found, value=[str(one) for one in _listed(value)])
        if item.widget == "list":
            lines = "\n".join(str(line) for line in _listed(value))
            return replace(found, value=lines, template=_template("lines"))
        return found

    def variants(self, item: FormField, found: Input) -> Input:
        """A list whose items are of several kinds, each with inputs of its own."""
        kinds = dict(item.variants)
        rows = [row for row in _listed(found.value) if isinstance(row, dict)]
        known = [row for row in rows if row.get("kind") in kinds]
        labels = dict(item.extra).get("labels", {})
        return replace(
            found,
            value=known,
            items=tuple(self.inputs(kinds[row["kind"]], row) for row in known),
            blanks=tuple(
                (kind, str(labels.get(kind, kind)), self.inputs(fields, {"kind": kind}))
                for kind, fields in kinds.items()
            ),
        )


def _told(item: FormField) -> dict[str, Any]:
    """What the templates are told of options that are looked up: whether their keys are ids."""
    if not item.provider:
        return {}
    return {"provider": item.provider, "numeric": item.widget == "number"}


def _listed(value: Any) -> list[Any]:
    """What a flow that was written by hand holds where a list is meant."""
    return list(value) if isinstance(value, (list, tuple)) else []


def _template(widget: str) -> str:
    name: str = select_template([f"{INPUTS}/{widget}.html", f"{INPUTS}/text.html"]).template.name
    return name


def offers_before(flow: Flow, key: str, subject: str) -> list[Offer]:
    """What the steps before a wait offer, nearest first."""
    places = {place.step.key: place for place in walk(flow)}
    place = places.get(key)
    found: list[Offer] = []
    for earlier in place.before if place else ():
        before = places.get(earlier)
        if before is None or before.step.kind not in step_kinds:
            continue
        kind = step_kinds.get(before.step.kind)
        try:
            config = kind.Config.model_validate(dict(before.step.config))
        except ValidationError:
            continue
        name = before.step.name or kind.label
        found += [
            Offer(
                earlier,
                offer.key,
                f"“{name}”: {offer.label}",
                offer.positive,
                subject == "company" and kind.addresses_people,
            )
            for offer in kind.offers(config)
        ]
    return found


def attribute_inputs(subject: str) -> dict[str, dict[str, Any]]:
    """Type and choices of each attribute, for the input of its value."""
    specs = dict(attribute_specs(subject))
    if subject == "person":
        specs |= {f"company.{name}": spec for name, spec in attribute_specs("company").items()}
    return {
        name: {"type": spec.type, "choices": [list(pair) for pair in spec.choices]}
        for name, spec in specs.items()
    }

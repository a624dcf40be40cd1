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
from journeys.flow.entry import EntryConfig
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
    exits: list[ExitRuleForm] = Field(default=[], title="Exit rules")


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


def entry_inputs(flow: Flow, subject: str) -> tuple[Input, ...]:
    """The inputs of the entry."""
    return inputs_of(form_fields(EntryConfig), flow.entry, subject)


def aims_inputs(flow: Flow, subject: str) -> tuple[Input, ...]:
    """The inputs of goal and exit rules."""
    values = {"goal": flow.goal, "goal_exits": flow.goal_exits, "exits": list(flow.exit_rules)}
    return inputs_of(form_fields(AimsForm), values, subject)


def fields_inputs(flow: Flow, subject: str) -> tuple[Input, ...]:
    """The inputs of the calculated fields."""
    return inputs_of((form_of_fields(subject),), {"fields": values_of_form(flow.fields)}, subject)


def inputs_of(
    fields: Sequence[FormField], values: Mapping[str, Any], subject: str
) -> tuple[Input, ...]:
    """Inputs for fields, with options looked up once per form."""
    return _Builder(subject).inputs(fields, values)


class _Builder:
    """Builds the inputs of one form."""

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.found: dict[str, tuple[tuple[str, str], ...]] = {}

    def options(self, item: FormField) -> tuple[tuple[str, str], ...]:
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
            extra=dict(item.extra) | ({"provider": item.provider} if item.provider else {}),
        )
        if item.widget == "object":
            inner = value if isinstance(value, dict) else {}
            return replace(found, fields=self.inputs(item.fields, inner))
        if item.fields:
            rows = [row for row in _listed(value) if isinstance(row, dict)]
            items = tuple(self.inputs(item.fields, row) for row in rows)
            return replace(found, value=rows, items=items, blank=self.inputs(item.fields, {}))
        if item.widget == "chips":
            return replace(found, value=_listed(value))
        if item.widget == "list":
            lines = "\n".join(str(line) for line in _listed(value))
            return replace(found, value=lines, template=_template("lines"))
        return found


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

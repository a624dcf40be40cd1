"""A test of a number worked out of the values of an event's property."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from csplatform.kit.schema import Config
from csplatform.rules.configs import FirstDays, LastDays, Name, Since, Until
from csplatform.rules.facts import Facts, Needs
from csplatform.rules.flips import Whom
from csplatform.rules.happenings import Selection, aggregated, chosen, leaving, where_words
from csplatform.rules.kind import Example, FactKey, RuleKind
from csplatform.rules.operators import NUMBER, said
from csplatform.rules.properties import PropertyFilter
from csplatform.rules.scope import Scope
from csplatform.rules.sqltext import TRUE, Sql, fill, joined, value
from csplatform.rules.tree import Test

_COMPARED = {o.key: o for o in NUMBER if o.key in ("gte", "lte", "gt", "lt", "equals", "between")}
_SIGNS = {"gte": ">=", "lte": "<=", "gt": ">", "lt": "<", "equals": "="}
MEASURES = {
    "sum": "The sum",
    "average": "The average",
    "min": "The smallest value",
    "max": "The largest value",
}


class EventValueConfig(Config):
    """Which numbers are taken, what is worked out of them, and what it has to be."""

    name: Name = Field(title="Event", json_schema_extra={"options": "events.names"})
    measure: Literal["sum", "average", "min", "max"] = Field(
        "sum", title="Of its numbers", json_schema_extra={"labels": dict(MEASURES)}
    )
    property: Name = Field(title="of", json_schema_extra={"options": "events.properties"})
    operator: Literal["gte", "lte", "gt", "lt", "equals", "between"] = Field(
        "gte",
        title="Is",
        json_schema_extra={"labels": {key: o.label for key, o in _COMPARED.items()}},
    )
    value: float = Field(title="Number", ge=-1e15, le=1e15)
    upto: float | None = Field(
        None, title="and", ge=-1e15, le=1e15, json_schema_extra={"only_if": "operator=between"}
    )
    days: LastDays = None
    first_days: FirstDays = None
    since: Since = None
    until: Until = None
    where: list[PropertyFilter] = Field(
        default_factory=list, max_length=10, title="Only those whose properties"
    )

    @model_validator(mode="after")
    def _complete(self) -> "EventValueConfig":
        if self.operator == "between" and (self.upto is None or self.upto < self.value):
            raise ValueError("Give the two numbers to lie between, the lower one first")
        return self


class EventValueTest(RuleKind):
    """The sum, average, smallest or largest value of a property's numbers.

    Values that are no numbers do not count, neither does text that looks like one. Where nothing
    counts, the sum is 0; average, smallest and largest value are missing, then the test is false.
    """

    key: ClassVar[str] = "event_value"
    label: ClassVar[str] = "Value of an event"
    group: ClassVar[str] = "What they did"
    help: ClassVar[str] = "A sum, average, smallest or largest number, e.g. of orders this month."
    Config: ClassVar[type[Config]] = EventValueConfig
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "person",
            {"name": "order", "property": "amount", "operator": "gte", "value": 100, "days": 30},
        ),
        Example(
            "company",
            {"name": "order", "measure": "average", "property": "amount",
             "operator": "between", "value": 10, "upto": 20.5},
        ),
    )  # fmt: skip

    def sql(self, test: Test, scope: Scope) -> Sql:
        """Over the aggregate; a mean is compared as a sum, which is exact."""
        config = test.config
        parts = []
        for sign, limit in _limits(config):
            number = value(limit, "numeric")
            template = {
                "sum": f"COALESCE(sum({{v}}), 0) {sign} {{n}}",
                "average": f"sum({{v}}) {sign} {{n}} * count({{v}})",
                "min": f"min({{v}}) {sign} {{n}}",
                "max": f"max({{v}}) {sign} {{n}}",
            }[config.measure]
            parts.append(fill(template, v=_numbers(config.property), n=number))
        condition = joined(parts, "AND", TRUE)
        nothing = _compared(config, [])
        return aggregated(Selection.of(config), scope, condition, nothing=nothing)

    def holds(self, test: Test, facts: Facts, at: datetime) -> bool:
        """Over the loaded events."""
        return _compared(test.config, _found(test.config, facts, at))

    def value(self, test: Test, facts: Facts, at: datetime) -> Any:
        """The number, None when there is none."""
        numbers = _found(test.config, facts, at)
        if test.config.measure == "sum":
            return float(sum(numbers))
        if not numbers:
            return None
        if test.config.measure == "average":
            return float(sum(numbers) / len(numbers))
        return float(min(numbers) if test.config.measure == "min" else max(numbers))

    def needs(self, test: Test, subject: str) -> Needs:
        """The events."""
        return Selection.of(test.config).needs()

    def fact_keys(self, test: Test, subject: str) -> set[FactKey]:
        """The event's name."""
        return {FactKey(subject, f"event.{test.config.name}")}

    def words(self, test: Test, subject: str, inner: str = "") -> str:
        """e.g. “the sum of amount of “order” is at least 100 in the last 30 days”."""
        config = test.config
        given = [config.value, config.upto] if config.operator == "between" else config.value
        what = MEASURES[config.measure]
        how = said(_COMPARED[config.operator], given)
        window = Selection.of(config).window_words()
        return (
            f"{what[0].lower()}{what[1:]} of {config.property} of “{config.name}”{window}"
            f"{where_words(config.where)} {how}"
        )

    def references(self, test: Test) -> set[tuple[str, Any]]:
        """The event's name."""
        return {("event", test.config.name)}

    def time_dependent(self, test: Test) -> bool:
        """Events leave a window by time alone."""
        return test.config.days is not None

    def flips(self, test: Test, subject: str, at: datetime, whom: Whom) -> list[Sql]:
        """When the next event leaves the window."""
        return leaving(Selection.of(test.config), subject, at, whom)


def _limits(config: EventValueConfig) -> list[tuple[str, Decimal]]:
    """Sign and number of each comparison."""
    given = Decimal(str(config.value))
    if config.operator == "between":
        return [(">=", given), ("<=", Decimal(str(config.upto)))]
    return [(_SIGNS[config.operator], given)]


def _numbers(property_: str) -> Sql:
    return fill(
        "(CASE WHEN jsonb_typeof(e.properties->{p}) = 'number'"
        " THEN (e.properties->>{p})::numeric END)",
        p=value(property_, "text"),
    )


def _found(config: EventValueConfig, facts: Facts, at: datetime) -> list[Decimal]:
    found = (
        event.properties.get(config.property)
        for event, _ in chosen(Selection.of(config), facts, at)
    )
    return [Decimal(str(v)) for v in found if isinstance(v, (int, float)) and v is not True
            and v is not False]  # fmt: skip


def _compared(config: EventValueConfig, numbers: Iterable[Decimal]) -> bool:
    """Whether what is worked out of the numbers meets the demand."""
    numbers = list(numbers)
    if not numbers and config.measure != "sum":
        return False
    times = Decimal(len(numbers)) if config.measure == "average" else Decimal(1)
    total = {"min": min, "max": max}.get(config.measure, sum)(numbers)
    return all(_holds(sign, Decimal(total), limit * times) for sign, limit in _limits(config))


def _holds(sign: str, number: Decimal, limit: Decimal) -> bool:
    return {
        ">=": number >= limit, "<=": number <= limit, ">": number > limit, "<": number < limit,
        "=": number == limit,
    }[sign]  # fmt: skip

"""A test that counts events, or what differs among them: days, people, values of a property."""

from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from csplatform.kit.errors import Problem
from csplatform.kit.schema import Config
from csplatform.rules.configs import FirstDays, LastDays, Name, Since, Times, Until
from csplatform.rules.counting import Limits, count, counted, happened_words
from csplatform.rules.facts import Facts, Needs
from csplatform.rules.flips import Whom
from csplatform.rules.happenings import Selection, where_words
from csplatform.rules.kind import Example, FactKey, Known, RuleKind
from csplatform.rules.properties import PropertyFilter
from csplatform.rules.scope import Scope
from csplatform.rules.sqltext import Sql
from csplatform.rules.tree import Test


class EventConfig(Config):
    """Which events are counted, since when, and how many are wanted."""

    name: Name = Field(title="Event", json_schema_extra={"options": "events.names"})
    operator: Literal["at_least", "at_most", "exactly", "between", "none"] = Field(
        "at_least",
        title="How often",
        json_schema_extra={"labels": {"none": "Never"}},
    )
    count: Times = Field(
        1,
        title="Number",
        json_schema_extra={"only_if": "operator=at_least|at_most|exactly|between"},
    )
    most: Times | None = Field(None, title="to", json_schema_extra={"only_if": "operator=between"})
    measure: Literal["times", "days", "people", "values"] = Field(
        "times",
        title="of",
        json_schema_extra={
            "labels": {
                "times": "times",
                "days": "different days",
                "people": "different people",
                "values": "different values of",
            },
            "only_if": "operator=at_least|at_most|exactly|between",
        },
    )
    property: str = Field(
        "",
        max_length=200,
        title="Property",
        json_schema_extra={"only_if": "measure=values", "options": "events.properties"},
    )
    days: LastDays = None
    first_days: FirstDays = None
    since: Since = None
    until: Until = None
    where: list[PropertyFilter] = Field(
        default_factory=list, max_length=10, title="Only those whose properties"
    )

    @model_validator(mode="after")
    def _complete(self) -> "EventConfig":
        if self.operator == "between" and (self.most is None or self.most < self.count):
            raise ValueError("Give the two numbers to lie between, the lower one first")
        if self.measure == "values" and not self.property:
            raise ValueError("Name the property whose values are counted")
        if self.since and self.until and self.since > self.until:
            raise ValueError("Give the earlier day first")
        return self


class EventTest(RuleKind):
    """How often an event happened, or on how many days, by how many people, with how many values
    of a property: ever or within a window.

    No event at all counts as zero: "at most", "exactly 0" and "never" are true of it. Events
    without the property add no value. An event's time is when it happened, or when it came in if
    it claims to be from the future (clocks are wrong). For companies, events that happened there
    count.
    """

    key: ClassVar[str] = "event"
    label: ClassVar[str] = "Event"
    group: ClassVar[str] = "What they did"
    help: ClassVar[str] = "How often something happened, e.g. a login in the last 30 days."
    Config: ClassVar[type[Config]] = EventConfig
    examples: ClassVar[tuple[Example, ...]] = (
        Example("person", {"name": "login", "operator": "at_least", "count": 3, "days": 30}),
        Example(
            "company",
            {
                "name": "report_exported",
                "operator": "none",
                "where": [{"property": "format", "operator": "equals", "value": "pdf"}],
            },
        ),
        Example(
            "company",
            {"name": "login", "operator": "between", "count": 2, "most": 5, "measure": "people"},
        ),
        Example(
            "person",
            {"name": "opened", "count": 2, "measure": "values", "property": "board",
             "first_days": 14},
        ),
    )  # fmt: skip

    def check(self, config: EventConfig, subject: str, known: Known, path: str) -> list[Problem]:
        """People are counted at companies."""
        if config.measure == "people" and subject == "person":
            message = "Different people can be counted for companies only; count times or days."
            return [Problem(f"{path}/measure", message, "subject")]
        return []

    def sql(self, test: Test, scope: Scope) -> Sql:
        """Row by row through the index for a few, gathered once for whole tables."""
        config = test.config
        return counted(
            Selection.of(config), scope, _limits(config), config.measure, config.property
        )

    def holds(self, test: Test, facts: Facts, at: datetime) -> bool:
        """Counts the loaded events."""
        return _limits(test.config).hold(_count(test.config, facts, at))

    def value(self, test: Test, facts: Facts, at: datetime) -> Any:
        """How many there are."""
        return _count(test.config, facts, at)

    def needs(self, test: Test, subject: str) -> Needs:
        """The events of the name, back to the window's start."""
        return Selection.of(test.config).needs()

    def fact_keys(self, test: Test, subject: str) -> set[FactKey]:
        """The event's name."""
        return {FactKey(subject, f"event.{test.config.name}")}

    def words(self, test: Test, subject: str, inner: str = "") -> str:
        """e.g. “did “login” at least 3 times in the last 30 days”."""
        config = test.config
        how = happened_words(_limits(config), config.measure, config.property)
        window = Selection.of(config).window_words()
        return f"“{config.name}” happened {how}{window}{where_words(config.where)}"

    def references(self, test: Test) -> set[tuple[str, Any]]:
        """The event's name."""
        return {("event", test.config.name)}

    def time_dependent(self, test: Test) -> bool:
        """Events leave a window by time alone."""
        return test.config.days is not None

    def flips(self, test: Test, subject: str, at: datetime, whom: Whom) -> list[Sql]:
        """When the event that makes up the number leaves the window."""
        config = test.config
        selection = Selection.of(config)
        return _limits(config).flips(selection, config.measure, subject, at, whom)


def _count(config: EventConfig, facts: Facts, at: datetime) -> int:
    return count(Selection.of(config), config.measure, config.property, facts, at)


def _limits(config: EventConfig) -> Limits:
    """The wanted count as (at least, at most)."""
    return Limits.of(config.operator, config.count, config.most)

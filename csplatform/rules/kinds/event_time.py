"""A test of when an event happened first or last."""

from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import Field

from csplatform.customers.attributes import Spec, datetime_text
from csplatform.kit.errors import DomainError, Problem
from csplatform.kit.schema import Config
from csplatform.rules import comparisons
from csplatform.rules.comparisons import Bound
from csplatform.rules.configs import Name, PlainValue
from csplatform.rules.facts import Facts, Needs
from csplatform.rules.flips import Whom
from csplatform.rules.happenings import (
    Selection,
    aggregated,
    chosen,
    chosen_sql,
    moment_of,
    source,
    where_words,
)
from csplatform.rules.kind import Example, FactKey, Known, RuleKind
from csplatform.rules.operators import OPERATORS, RELATIVE, choices_of, said
from csplatform.rules.properties import PropertyFilter
from csplatform.rules.scope import Scope
from csplatform.rules.sqltext import FALSE, Sql
from csplatform.rules.tree import Test

TIME = Spec("time", "The time", "datetime")


class EventTimeConfig(Config):
    """Which event, its first or last time, and when that has to be."""

    name: Name = Field(title="Event", json_schema_extra={"options": "events.names"})
    which: Literal["first", "last"] = Field(
        "last", title="It", json_schema_extra={"labels": {"first": "first", "last": "last"}}
    )
    operator: str = Field(
        "more_than_days_ago",
        title="happened",
        json_schema_extra={"widget": "select", "choices": choices_of("datetime")},
    )
    value: PlainValue = Field(
        None, title="Value", json_schema_extra={"widget": "value", "type": "datetime"}
    )
    where: list[PropertyFilter] = Field(
        default_factory=list, max_length=10, title="Only those whose properties"
    )


class EventTimeTest(RuleKind):
    """When an event happened for the first or last time.

    Who never did it: only “has no value” (never happened) is true, “more than 30 days ago” is not.
    """

    key: ClassVar[str] = "event_time"
    label: ClassVar[str] = "First or last time of an event"
    group: ClassVar[str] = "What they did"
    help: ClassVar[str] = (
        "When something happened first or last. Who never did it is not “more than 30 days ago”."
    )
    Config: ClassVar[type[Config]] = EventTimeConfig
    examples: ClassVar[tuple[Example, ...]] = (
        Example("person", {"name": "login", "operator": "more_than_days_ago", "value": 30}),
        Example(
            "company",
            {"name": "login", "which": "first", "operator": "after", "value": "2026-01-31"},
        ),
        Example("person", {"name": "login", "operator": "unset"}),
    )

    def check(
        self, config: EventTimeConfig, subject: str, known: Known, path: str
    ) -> list[Problem]:
        """Operator and value must fit."""
        try:
            comparisons.bind(TIME, config.operator, config.value, path)
        except DomainError as error:
            return error.problems
        return []

    def bind(self, config: EventTimeConfig, subject: str, known: Known) -> Bound | None:
        """The typed question."""
        try:
            return comparisons.bind(TIME, config.operator, config.value)
        except DomainError:
            return None

    def sql(self, test: Test, scope: Scope) -> Sql:
        """A comparison of the aggregate."""
        if test.bound is None:
            return FALSE
        moment = Sql(_aggregate(test))
        condition = comparisons.sql(test.bound, moment, scope.at, native="timestamptz")
        nothing = bool(test.bound.operator.negates)
        return aggregated(Selection.of(test.config), scope, condition, nothing=nothing)

    def holds(self, test: Test, facts: Facts, at: datetime) -> bool:
        """Over the loaded events."""
        if test.bound is None:
            return False
        return comparisons.holds(test.bound, _time(test, facts, at), at)

    def value(self, test: Test, facts: Facts, at: datetime) -> Any:
        """The moment; None for never."""
        return _time(test, facts, at)

    def needs(self, test: Test, subject: str) -> Needs:
        """The events."""
        return Selection.of(test.config).needs()

    def fact_keys(self, test: Test, subject: str) -> set[FactKey]:
        """The event's name."""
        return {FactKey(subject, f"event.{test.config.name}")}

    def words(self, test: Test, subject: str, inner: str = "") -> str:
        """e.g. ““login” happened last more than 30 days ago”."""
        config = test.config
        where = where_words(config.where)
        if config.operator in ("set", "unset"):
            never = "never " if config.operator == "unset" else ""
            return f"“{config.name}”{where} has {never}happened"
        operator = OPERATORS["datetime"].get(config.operator)
        how = said(operator, config.value) if operator else f"{config.operator} (no longer there)"
        return f"the {config.which} time of “{config.name}”{where} {how}"

    def references(self, test: Test) -> set[tuple[str, Any]]:
        """The event's name."""
        return {("event", test.config.name)}

    def time_dependent(self, test: Test) -> bool:
        """Whether it asks for days from now."""
        return test.config.operator in RELATIVE

    def flips(self, test: Test, subject: str, at: datetime, whom: Whom) -> list[Sql]:
        """When the days from now on reach the moment or leave it behind."""
        if test.bound is None or not self.time_dependent(test):
            return []
        selection = Selection.of(test.config)
        picked, who = chosen_sql(selection, at), whom.among(f"e.{subject}_id")
        due = comparisons.flips(test.bound, Sql("g.t"), at, native="timestamptz")
        return [
            Sql(
                f"SELECT g.id, d.due FROM (SELECT e.{subject}_id AS id, {_aggregate(test)} AS t"
                f" FROM {source(selection, subject)} WHERE {who.text} AND {picked.text}"
                f" GROUP BY e.{subject}_id) g CROSS JOIN LATERAL ({due.text}) d(due)"
                " WHERE d.due > %s",
                (*who.params, *picked.params, *due.params, at),
            )
        ]


def _aggregate(test: Test) -> str:
    return f"{'min' if test.config.which == 'first' else 'max'}({moment_of('e')})"


def _time(test: Test, facts: Facts, at: datetime) -> str | None:
    times = [event.occurred_at for event, _ in chosen(Selection.of(test.config), facts, at)]
    if not times:
        return None
    return datetime_text(min(times) if test.config.which == "first" else max(times))

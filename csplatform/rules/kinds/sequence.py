"""A test of events that follow each other, or fail to."""

from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from pydantic import Field

from csplatform.kit.schema import Config
from csplatform.rules.configs import LastDays, Name
from csplatform.rules.counting import times
from csplatform.rules.facts import Facts, Needs
from csplatform.rules.flips import Whom
from csplatform.rules.happenings import (
    Named,
    Selection,
    chosen,
    chosen_sql,
    leaving,
    moment_of,
    of_slice,
    where_words,
)
from csplatform.rules.kind import Example, FactKey, RuleKind
from csplatform.rules.operators import MAX_DAYS
from csplatform.rules.properties import PropertyFilter
from csplatform.rules.scope import Scope
from csplatform.rules.sqltext import TRUE, Sql, fill, joined, negated, value
from csplatform.rules.tree import Test


class SequenceEvent(Config):
    """One event of the sequence."""

    name: Name = Field(title="Event", json_schema_extra={"options": "events.names"})
    where: list[PropertyFilter] = Field(
        default_factory=list, max_length=5, title="Only if its properties"
    )


class SequenceConfig(Config):
    """The events in order, and how close they follow."""

    steps: list[SequenceEvent] = Field(min_length=2, max_length=5, title="Events in order")
    within: int = Field(7, ge=1, le=MAX_DAYS, title="Days between one and the next, at most")
    outcome: Literal["followed", "not_followed"] = Field(
        "followed",
        title="The last one",
        json_schema_extra={
            "labels": {"followed": "came as well", "not_followed": "did not come in time"}
        },
    )
    count: int = Field(1, ge=1, le=1000, title="At least so many times")
    days: LastDays = Field(None, title="begun in the last … days")


class SequenceTest(RuleKind):
    """Whether events followed each other in order, each within so many days of the one before; or
    whether the last one failed to come.

    Every first event that leads to such a run counts once, also where runs overlap. An event at
    the very moment of the one before does not follow it. “Did not come in time” becomes true when
    the time is over, never before. Without the first event both are false.
    """

    key: ClassVar[str] = "sequence"
    label: ClassVar[str] = "Sequence of events"
    group: ClassVar[str] = "What they did"
    help: ClassVar[str] = (
        "First this, then that within some days; or first this and then not that, once the days"
        " are over."
    )
    Config: ClassVar[type[Config]] = SequenceConfig
    examples: ClassVar[tuple[Example, ...]] = (
        Example("person", {"steps": [{"name": "signed_up"}, {"name": "invited"}], "within": 7}),
        Example(
            "company",
            {
                "steps": [
                    {"name": "trial"},
                    {"name": "order", "where": [{"property": "plan", "value": "pro"}]},
                ],
                "within": 14,
                "outcome": "not_followed",
                "days": 60,
            },
        ),
    )

    def sql(self, test: Test, scope: Scope) -> Sql:
        """First events with what follows them, counted per subject."""
        config = test.config
        own, who = f"{scope.alias}.id", f"e0.{scope.subject}_id"
        begun = joined(
            [chosen_sql(_step(config, 0), scope.at, "e0"), _follows(config, 0, scope)], "AND", TRUE
        )
        if scope.few:
            found = (
                f"(SELECT 1 FROM customers_event e0 WHERE {who} = {own} AND {{begun}} LIMIT {{n}})"
            )
            template = f"((SELECT count(*) FROM {found} c) >= {{n}})"
            return fill(template, begun=begun, n=value(config.count, "bigint"))
        return fill(
            f"EXISTS (SELECT 1 FROM (SELECT {who} AS id FROM customers_event e0"
            f" WHERE {{slice}} AND {{begun}} GROUP BY {who} HAVING count(*) >= {{n}}) c"
            f" WHERE c.id = {own})",
            slice=of_slice(scope, "e0"), begun=begun, n=value(config.count, "bigint"),
        )  # fmt: skip

    def holds(self, test: Test, facts: Facts, at: datetime) -> bool:
        """Over the loaded events."""
        return len(_runs(test.config, facts, at)) >= test.config.count

    def value(self, test: Test, facts: Facts, at: datetime) -> Any:
        """How often, and when the last run began."""
        runs = _runs(test.config, facts, at)
        return {"times": len(runs), "last begun": max(runs).isoformat() if runs else None}

    def needs(self, test: Test, subject: str) -> Needs:
        """The first events back to the window's start, so the others are within it as well."""
        found = Needs()
        for place in range(len(test.config.steps)):
            found |= _step(test.config, place, windowed=True).needs()
        return found

    def fact_keys(self, test: Test, subject: str) -> set[FactKey]:
        """The events' names."""
        return {FactKey(subject, f"event.{step.name}") for step in test.config.steps}

    def words(self, test: Test, subject: str, inner: str = "") -> str:
        """e.g. ““a” was followed by “b” within 7 days at least once”."""
        config = test.config
        said = [f"“{step.name}”{where_words(step.where)}" for step in config.steps]
        last = said.pop()
        came = "followed by" if config.outcome == "followed" else "not followed by"
        within = f"within {config.within:,} day{'' if config.within == 1 else 's'}"
        often = "" if config.count == 1 else f" at least {times(config.count)}"
        window = _step(config, 0).window_words().replace(" in", " begun in", 1)
        return f"{', then '.join(said)} was {came} {last} {within}{often}{window}"

    def references(self, test: Test) -> set[tuple[str, Any]]:
        """The events' names."""
        return {("event", step.name) for step in test.config.steps}

    def time_dependent(self, test: Test) -> bool:
        """Time runs out, or the first event leaves the window."""
        return test.config.outcome == "not_followed" or test.config.days is not None

    def flips(self, test: Test, subject: str, at: datetime, whom: Whom) -> list[Sql]:
        """When a first event leaves the window, and when the time for the last one is over."""
        config = test.config
        found = leaving(_step(config, 0), subject, at, whom)
        if config.outcome == "not_followed":
            found.append(_time_over(config, subject, at, whom))
        return found


def _step(config: SequenceConfig, place: int, *, windowed: bool = False) -> Selection:
    """The events of one place; only the first one is bound to the window."""
    step = config.steps[place]
    days = config.days if windowed or not place else None
    return Selection((Named(step.name, tuple(step.where)),), days=days)


def _follows(config: SequenceConfig, place: int, scope: Scope) -> Sql:
    """Condition over the event `e<place>`: the rest of the sequence comes, or does not."""
    after = place + 1
    if after == len(config.steps):
        return TRUE
    here, there = f"e{place}", f"e{after}"
    limit = f"{moment_of(here)} + make_interval(days => {{within}})"
    next_one = (
        f"EXISTS (SELECT 1 FROM customers_event {there}"
        f" WHERE {there}.{scope.subject}_id = {here}.{scope.subject}_id AND {{picked}}"
        f" AND {moment_of(there)} > {moment_of(here)} AND {moment_of(there)} <= {limit}"
        " AND {rest})"
    )
    found = fill(
        next_one,
        picked=chosen_sql(_step(config, after), scope.at, there),
        within=value(config.within, "int"),
        rest=_follows(config, after, scope),
    )
    if config.outcome == "followed" or after < len(config.steps) - 1:
        return found
    over = fill(
        f"{limit} <= {{at}}", within=value(config.within, "int"), at=value(scope.at, "timestamptz")
    )
    return joined([over, negated(found)], "AND", TRUE)


def _time_over(config: SequenceConfig, subject: str, at: datetime, whom: Whom) -> Sql:
    """When the time for the last event is over, for the next of those who wait for it."""
    # Those whose time is over already are left out by a window of so many days.
    step = config.steps[-2]
    waiting = Selection((Named(step.name, tuple(step.where)),), days=config.within)
    return leaving(waiting, subject, at, whom)[0]


def _runs(config: SequenceConfig, facts: Facts, at: datetime) -> list[datetime]:
    """When each run of the sequence began."""
    moments = [
        sorted(event.occurred_at for event, _ in chosen(_step(config, place), facts, at))
        for place in range(len(config.steps))
    ]
    return [moment for moment in moments[0] if _leads(config, moments, 0, moment, at)]


def _leads(
    config: SequenceConfig,
    moments: list[list[datetime]],
    place: int,
    moment: datetime,
    at: datetime,
) -> bool:
    """Whether an event of a place is followed by the rest (or by nothing in time)."""
    after = place + 1
    if after == len(moments):
        return True
    limit = moment + timedelta(days=config.within)
    found = any(
        moment < later <= limit and _leads(config, moments, after, later, at)
        for later in moments[after]
    )
    if config.outcome == "followed" or after < len(moments) - 1:
        return found
    return limit <= at and not found

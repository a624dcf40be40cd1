"""A test that counts events."""

from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from pydantic import Field

from csplatform.kit.schema import Config
from csplatform.rules.configs import Name
from csplatform.rules.facts import EVER, Facts, Happening, Needs
from csplatform.rules.flips import Whom
from csplatform.rules.kind import Example, FactKey, RuleKind
from csplatform.rules.operators import MAX_DAYS
from csplatform.rules.properties import PropertyFilter, filter_holds, filter_sql
from csplatform.rules.scope import Scope
from csplatform.rules.sqltext import Sql, joined, negated
from csplatform.rules.tree import Test


class EventConfig(Config):
    """Which events are counted, since when, and how many are wanted."""

    name: Name = Field(title="Event", json_schema_extra={"options": "events.names"})
    operator: Literal["at_least", "at_most", "exactly", "none"] = Field(
        "at_least",
        title="How often",
        json_schema_extra={"labels": {"none": "Never"}},
    )
    count: int = Field(
        1,
        ge=0,
        le=1_000_000,
        title="Times",
        json_schema_extra={"only_if": "operator=at_least|at_most|exactly"},
    )
    days: int | None = Field(
        None,
        ge=1,
        le=MAX_DAYS,
        title="In the last … days",
    )
    where: list[PropertyFilter] = Field(
        default_factory=list, max_length=10, title="Only those whose properties"
    )


class EventTest(RuleKind):
    """How often an event happened, ever or in the last days up to now.

    No event at all counts as zero: "at most", "exactly 0" and "never" are true of it. An event's
    time is when it happened, or when it came in if it claims to be from the future (clocks are
    wrong). For companies, events that happened there count.
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
    )

    def sql(self, test: Test, scope: Scope) -> Sql:
        """Row by row through the index for a few, gathered once for whole tables."""
        least, most = _limits(test.config)
        counted = _counted_row if scope.few else _counted_table
        parts = []
        if least:
            parts.append(counted(test.config, scope, least))
        if most is not None:
            parts.append(negated(counted(test.config, scope, most + 1)))
        return joined(parts, "AND", Sql("TRUE"))

    def holds(self, test: Test, facts: Facts, at: datetime) -> bool:
        """Counts the loaded events."""
        least, most = _limits(test.config)
        count = self._count(test.config, facts, at)
        return count >= least and (most is None or count <= most)

    def value(self, test: Test, facts: Facts, at: datetime) -> Any:
        """How many there are."""
        return self._count(test.config, facts, at)

    def needs(self, test: Test, subject: str) -> Needs:
        """The events of the name, back to the window's start."""
        return Needs(events=frozenset({(test.config.name, test.config.days or EVER)}))

    def fact_keys(self, test: Test, subject: str) -> set[FactKey]:
        """The event's name."""
        return {FactKey(subject, f"event.{test.config.name}")}

    def words(self, test: Test, subject: str, inner: str = "") -> str:
        """e.g. “did “login” at least 3 times in the last 30 days”."""
        config = test.config
        times = {
            "at_least": f"at least {_times(config.count)}",
            "at_most": f"at most {_times(config.count)}",
            "exactly": f"exactly {_times(config.count)}",
            "none": "never",
        }[config.operator]
        if config.operator == "at_least" and config.count == 1:
            times = "at least once"
        window = f" in the last {config.days:,} days" if config.days else ""
        where = " and ".join(demand.words() for demand in config.where)
        return f"“{config.name}” happened {times}{window}" + (f" (where {where})" if where else "")

    def references(self, test: Test) -> set[tuple[str, Any]]:
        """The event's name."""
        return {("event", test.config.name)}

    def time_dependent(self, test: Test) -> bool:
        """Events leave a window by time alone."""
        return test.config.days is not None

    def flips(self, test: Test, subject: str, at: datetime, whom: Whom) -> list[Sql]:
        """When the event that makes up the number leaves the window."""
        config = test.config
        if config.days is None:
            return []
        least, most = _limits(config)
        numbers = {least, least if most is None else most + 1} - {0}
        return [_leaving(config, subject, at, whom, number) for number in sorted(numbers)]

    @staticmethod
    def _count(config: EventConfig, facts: Facts, at: datetime) -> int:
        return sum(counts(config, event, at) for event in facts.events.get(config.name, ()))


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _limits(config: EventConfig) -> tuple[int, int | None]:
    """The wanted count as (at least, at most)."""
    return {
        "at_least": (config.count, None),
        "at_most": (0, config.count),
        "exactly": (config.count, config.count),
        "none": (0, 0),
    }[config.operator]


def counts(config: EventConfig, event: Happening, at: datetime) -> bool:
    """Whether an event is among those that count."""
    if event.occurred_at > at:
        return False
    if config.days is not None and event.occurred_at <= at - timedelta(days=config.days):
        return False
    return all(filter_holds(demand, event.properties) for demand in config.where)


def chosen_events(config: EventConfig, scope: Scope) -> Sql:
    """Condition over the events `e` that count."""
    text = (
        "e.name_id = (SELECT n.id FROM customers_eventname n WHERE n.name = %s)"
        " AND (e.occurred_at <= %s OR e.recorded_at <= %s)"
    )
    params: tuple[Any, ...] = (config.name, scope.at, scope.at)
    if config.days is not None:
        # the second half leaves out partitions of months before the window
        text += " AND e.occurred_at > %s AND e.recorded_at > %s"
        since = scope.at - timedelta(days=config.days)
        params = (*params, since, since)
    demands = [filter_sql(demand, "e.properties") for demand in config.where]
    return joined([Sql(text, params), *demands], "AND", Sql("TRUE"))


def _leaving(config: EventConfig, subject: str, at: datetime, whom: Whom, number: int) -> Sql:
    """When those who have at least so many events in the window will have fewer."""
    chosen, who = chosen_events(config, Scope(subject, "s0", at)), whom.among(f"e.{subject}_id")
    moment = "LEAST(e.occurred_at, e.recorded_at)"
    newest = (
        f"max({moment})" if number == 1 else f"(array_agg({moment} ORDER BY {moment} DESC))[%s]"
    )
    return Sql(
        f"SELECT e.{subject}_id AS id, {newest} + make_interval(days => %s) AS due"
        f" FROM customers_event e WHERE {who.text} AND {chosen.text}"
        f" GROUP BY e.{subject}_id HAVING count(*) >= %s",
        (
            *(() if number == 1 else (number,)),
            config.days,
            *who.params,
            *chosen.params,
            number,
        ),
    )


def _counted_row(config: EventConfig, scope: Scope, least: int) -> Sql:
    """Whether the row has at least so many: stops counting there."""
    chosen = chosen_events(config, scope)
    events = (
        f"FROM customers_event e WHERE e.{scope.subject}_id = {scope.alias}.id AND {chosen.text}"
    )
    if least == 1:
        return Sql(f"EXISTS (SELECT 1 {events})", chosen.params)
    some = f"(SELECT count(*) FROM (SELECT 1 {events} LIMIT %s) c)"
    return Sql(f"({some} >= %s)", (*chosen.params, least, least))


def _counted_table(config: EventConfig, scope: Scope, least: int) -> Sql:
    """The same in a shape that joins everybody (of the slice) with their events in one pass.

    EXISTS and not IN: below OR and NOT an IN that outgrows work_mem becomes a scan per row.
    """
    chosen, who = chosen_events(config, scope), f"e.{scope.subject}_id"
    text, params = chosen.text, chosen.params
    for bound, sign in ((scope.low, ">"), (scope.high, "<=")):
        if bound is not None:
            text, params = f"{text} AND {who} {sign} %s", (*params, bound)
    own = f"{scope.alias}.id"
    if least == 1:
        found = f"SELECT 1 FROM customers_event e WHERE {who} = {own} AND {text}"
        return Sql(f"EXISTS ({found})", params)
    counted = (
        f"SELECT {who} AS id FROM customers_event e WHERE {who} IS NOT NULL AND {text}"
        f" GROUP BY {who} HAVING count(*) >= %s"
    )
    found = f"SELECT 1 FROM ({counted}) c WHERE c.id = {own}"
    return Sql(f"EXISTS ({found})", (*params, least))

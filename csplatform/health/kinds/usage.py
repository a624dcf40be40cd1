"""What people of a company do."""

from typing import Any, ClassVar

from csplatform.customers.known_names import PASSIVE
from csplatform.health.kind import MeasureKind

# Naming the names lets one index answer: (company, name, time).
_EVENTS = (
    "FROM customers_event e WHERE e.company_id = c.id AND e.name_id = ANY(ARRAY("
    "SELECT n.id FROM customers_eventname n WHERE {names}))"
    " AND e.occurred_at <= %(at)s AND e.occurred_at > %(at)s - make_interval(days => {days})"
)


def events_sql(measure: Any, days: str = "%(days)s") -> tuple[str, dict[str, Any]]:
    """`FROM ... WHERE` of the events of company `c` that count, and its parameters."""
    names = "n.name = %(event)s" if measure.event else "n.name <> ALL(%(passive)s)"
    params = {"days": measure.days, "event": measure.event, "passive": sorted(PASSIVE)}
    return _EVENTS.format(names=names, days=days), params


class EventCount(MeasureKind):
    """How much happened."""

    key: ClassVar[str] = "events"
    label: ClassVar[str] = "Events"
    sentence: ClassVar[str] = "How often something happened in the last days."
    uses: ClassVar[tuple[str, ...]] = ("event", "days")
    tiers: ClassVar[str] = "0 = 0, 20 = 50, 100 = 80, more = 100"

    def sql(self, measure: Any) -> tuple[str, dict[str, Any]]:
        """A count; nothing is 0."""
        events, params = events_sql(measure)
        return (
            f"SELECT c.id, (SELECT count(*) {events})::float8 FROM unnest(%(ids)s::bigint[]) c(id)",
            params,
        )


class ActivePeople(MeasureKind):
    """How many people were there."""

    key: ClassVar[str] = "active_people"
    label: ClassVar[str] = "Active people"
    sentence: ClassVar[str] = "How many of its people did something in the last days."
    uses: ClassVar[tuple[str, ...]] = ("event", "days")
    tiers: ClassVar[str] = "0 = 0, 2 = 50, 5 = 80, more = 100"

    def sql(self, measure: Any) -> tuple[str, dict[str, Any]]:
        """Different people; nobody is 0."""
        events, params = events_sql(measure)
        return (
            f"SELECT c.id, (SELECT count(DISTINCT e.person_id) {events})::float8"
            " FROM unnest(%(ids)s::bigint[]) c(id)",
            params,
        )


class ActiveShare(MeasureKind):
    """Which part of its people were there."""

    key: ClassVar[str] = "active_share"
    label: ClassVar[str] = "Share of people active"
    sentence: ClassVar[str] = "Which part of its people did something in the last days."
    uses: ClassVar[tuple[str, ...]] = ("event", "days")
    unit: ClassVar[str] = "%"
    tiers: ClassVar[str] = "10 = 0, 30 = 50, 60 = 80, more = 100"

    def sql(self, measure: Any) -> tuple[str, dict[str, Any]]:
        """In percent; missing for companies without people."""
        events, params = events_sql(measure)
        people = (
            "(SELECT count(*) FROM customers_membership m JOIN customers_person p"
            " ON p.id = m.person_id AND p.erased_at IS NULL WHERE m.company_id = c.id)"
        )
        return (
            "SELECT c.id, 100.0 * least((SELECT count(DISTINCT e.person_id)"
            f" {events}), x.people) / x.people FROM unnest(%(ids)s::bigint[]) c(id)"
            f" CROSS JOIN LATERAL (SELECT {people}::float8 AS people) x WHERE x.people > 0",
            params,
        )


class Trend(MeasureKind):
    """Whether it goes up or down."""

    key: ClassVar[str] = "trend"
    label: ClassVar[str] = "Trend of use"
    sentence: ClassVar[str] = "The last days against as many days before them."
    uses: ClassVar[tuple[str, ...]] = ("event", "days")
    unit: ClassVar[str] = "%"
    tiers: ClassVar[str] = "-50 = 0, -10 = 50, 10 = 80, more = 100"

    def sql(self, measure: Any) -> tuple[str, dict[str, Any]]:
        """Change in percent; missing where nothing happened before."""
        both, params = events_sql(measure, "2 * %(days)s::int")
        recent = "e.occurred_at > %(at)s - make_interval(days => %(days)s)"
        return (
            "SELECT c.id, 100.0 * (x.now - x.before) / x.before"
            " FROM unnest(%(ids)s::bigint[]) c(id) CROSS JOIN LATERAL"
            f" (SELECT count(*) FILTER (WHERE {recent})::float8 AS now,"
            f" count(*) FILTER (WHERE NOT {recent})::float8 AS before {both}) x WHERE x.before > 0",
            params,
        )


class DaysSince(MeasureKind):
    """How quiet it is."""

    key: ClassVar[str] = "days_since"
    label: ClassVar[str] = "Days since last seen"
    sentence: ClassVar[str] = "How many days ago somebody there did anything."
    unit: ClassVar[str] = "days"
    tiers: ClassVar[str] = "3 = 100, 14 = 70, 30 = 30, more = 0"

    def sql(self, measure: Any) -> tuple[str, dict[str, Any]]:
        """Whole days; missing where nothing ever happened."""
        return (
            "SELECT a.company_id, floor(extract(epoch FROM (%(at)s - a.last_seen_at)) / 86400)"
            "::float8 FROM customers_companyactivity a WHERE a.company_id = ANY(%(ids)s)"
            " AND a.last_seen_at <= %(at)s",
            {},
        )

"""Which events a test is about, when they count, and what is worked out of them.

One place for all tests of events, so that a window means the same everywhere. An event's time is
when it happened, or when it came in if it claims to be from the future (clocks are wrong). For
companies, events that happened there count. Days are UTC days.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from csplatform.rules.facts import EVER, Facts, Happening, Needs
from csplatform.rules.flips import Whom
from csplatform.rules.properties import PropertyFilter, filter_holds, filter_sql
from csplatform.rules.scope import TABLES, Scope
from csplatform.rules.sqltext import FALSE, TRUE, Sql, fill, joined, negated


class Named(NamedTuple):
    """Events of one name whose properties meet all demands."""

    name: str
    where: tuple[PropertyFilter, ...] = ()


@dataclass(frozen=True)
class Selection:
    """The events that count: one of `named`, within all bounds that are given.

    Attributes:
        days: in the last so many days.
        since, until: days like 2026-01-31, both included.
        first_days: in the first so many days after the subject was created.
    """

    named: tuple[Named, ...]
    days: int | None = None
    since: str | None = None
    until: str | None = None
    first_days: int | None = None

    @classmethod
    def of(cls, config: Any, named: tuple[Named, ...] | None = None) -> "Selection":
        """What a config with name, where and window says."""
        if named is None:
            named = (Named(config.name, tuple(config.where)),)
        given = (getattr(config, key, None) for key in ("days", "since", "until", "first_days"))
        return cls(named, *given)

    def needs(self) -> Needs:
        """The facts to load."""
        return Needs(events=frozenset((item.name, self.days or EVER) for item in self.named))

    def window_words(self) -> str:
        """e.g. “ in the last 30 days”; "" for ever."""
        parts = []
        if self.days is not None:
            parts.append(f"in the last {_days(self.days)}")
        if self.since and self.until:
            parts.append(f"between {self.since} and {self.until}")
        elif self.since or self.until:
            parts.append(f"since {self.since}" if self.since else f"until {self.until}")
        if self.first_days is not None:
            parts.append(f"in the first {_days(self.first_days)} after creation")
        return "".join(f" {part}" for part in parts)


def _days(count: int) -> str:
    return "day" if count == 1 else f"{count:,} days"


def where_words(where: Any) -> str:
    """Demands on properties in brackets; "" for none."""
    said = " and ".join(demand.words() for demand in where)
    return f" (where {said})" if said else ""


# --- in memory ------------------------------------------------------------------------------


def chosen(selection: Selection, facts: Facts, at: datetime) -> Iterator[tuple[Happening, int]]:
    """The events that count, with the place in `named` of the first one they fit."""
    by_name: dict[str, list[int]] = {}
    for place, item in enumerate(selection.named):
        by_name.setdefault(item.name, []).append(place)
    start, end = _bounds(selection, facts, at)
    for name, places in by_name.items():
        for event in facts.events.get(name, ()):
            when = event.occurred_at
            if when > at or (start and when < start) or (end and when >= end):
                continue
            if selection.days is not None and when <= at - timedelta(days=selection.days):
                continue
            for place in places:
                demands = selection.named[place].where
                if all(filter_holds(demand, event.properties) for demand in demands):
                    yield event, place
                    break


def _bounds(
    selection: Selection, facts: Facts, at: datetime
) -> tuple[datetime | None, datetime | None]:
    """The earliest moment that counts and the first one that does not."""
    starts = [] if selection.since is None else [midnight(selection.since)]
    ends = [] if selection.until is None else [_later(midnight(selection.until), 1)]
    if selection.first_days is not None:
        created = datetime.fromisoformat(str(facts.columns["created_at"]))
        starts.append(created)
        ends.append(_later(created, selection.first_days))
    return max(starts, default=None), min((end for end in ends if end), default=None)


def midnight(day: str) -> datetime:
    """The beginning of a UTC day."""
    return datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC)


def _later(moment: datetime, days: int) -> datetime | None:
    """So many days later; None past the calendar's end."""
    try:
        return moment + timedelta(days=days)
    except OverflowError:
        return None


# --- in SQL ---------------------------------------------------------------------------------


def moment_of(alias: str) -> str:
    """An event's time."""
    return f"LEAST({alias}.occurred_at, {alias}.recorded_at)"


def source(selection: Selection, subject: str, alias: str = "e") -> str:
    """What stands behind FROM: the events, and the subject's row where its creation counts."""
    owner = ""
    if selection.first_days is not None:
        owner = f" JOIN {TABLES[subject]} {alias}o ON {alias}o.id = {alias}.{subject}_id"
    return f"customers_event {alias}{owner}"


def chosen_sql(selection: Selection, at: datetime, alias: str = "e") -> Sql:
    """Condition over the events of `source` that count."""
    if not selection.named:
        return FALSE
    parts = [_named_sql(selection.named, alias), _until_now(at, alias)]
    if selection.days is not None:
        # the second half leaves out partitions of months before the window
        text = f"{alias}.occurred_at > %s AND {alias}.recorded_at > %s"
        parts.append(Sql(text, (_before(at, selection.days),) * 2))
    if selection.since is not None:
        text = f"{alias}.occurred_at >= %s AND {alias}.recorded_at >= %s"
        parts.append(Sql(text, (midnight(selection.since),) * 2))
    if selection.until is not None and (end := _later(midnight(selection.until), 1)):
        parts.append(Sql(f"({alias}.occurred_at < %s OR {alias}.recorded_at < %s)", (end, end)))
    if selection.first_days is not None:
        when, created = moment_of(alias), f"{alias}o.created_at"
        text = f"{when} >= {created} AND {when} < {created} + make_interval(days => %s)"
        parts.append(Sql(text, (selection.first_days,)))
    return joined(parts, "AND", TRUE)


def _before(at: datetime, days: int) -> datetime:
    return at - timedelta(days=days)


def _until_now(at: datetime, alias: str) -> Sql:
    return Sql(f"({alias}.occurred_at <= %s OR {alias}.recorded_at <= %s)", (at, at))


def _named_sql(named: tuple[Named, ...], alias: str) -> Sql:
    """One of the names, with what is demanded of it."""
    if len(named) == 1:
        return _one_sql(named[0], alias)
    names = sorted({item.name for item in named})
    # the array is worked out once and searched by the index
    among = Sql(
        f"{alias}.name_id = ANY(ARRAY("
        "SELECT n.id FROM customers_eventname n WHERE n.name = ANY(%s)))",
        (names,),
    )
    if not any(item.where for item in named):
        return among
    either = joined((_one_sql(item, alias) for item in named), "OR", FALSE)
    return joined([among, either], "AND", TRUE)


def _one_sql(item: Named, alias: str) -> Sql:
    own = Sql(
        f"{alias}.name_id = (SELECT n.id FROM customers_eventname n WHERE n.name = %s)",
        (item.name,),
    )
    demands = [filter_sql(demand, f"{alias}.properties") for demand in item.where]
    return joined([own, *demands], "AND", TRUE) if demands else own


def place_sql(selection: Selection, alias: str = "e") -> Sql:
    """The place in `named` that `chosen` gives."""
    cases = [
        fill("WHEN {one} THEN " + str(place), one=_one_sql(item, alias))
        for place, item in enumerate(selection.named)
    ]
    inner = Sql(" ".join(c.text for c in cases), tuple(p for c in cases for p in c.params))
    return fill("(CASE {cases} END)", cases=inner)


def of_slice(scope: Scope, alias: str = "e") -> Sql:
    """Condition over events of whoever a scope asks about as a whole."""
    who = f"{alias}.{scope.subject}_id"
    text = f"{who} IS NOT NULL"
    params: tuple[Any, ...] = ()
    for bound, sign in ((scope.low, ">"), (scope.high, "<=")):
        if bound is not None:
            text, params = f"{text} AND {who} {sign} %s", (*params, bound)
    return Sql(text, params)


def aggregated(selection: Selection, scope: Scope, condition: Sql, *, nothing: bool) -> Sql:
    """A two-valued condition over aggregates of a subject's events `e` that count.

    Args:
        condition: over aggregates; NULL counts as false.
        nothing: its answer where there are no events.
    """
    events, picked = source(selection, scope.subject), chosen_sql(selection, scope.at)
    own, who = f"{scope.alias}.id", f"e.{scope.subject}_id"
    if not selection.named:
        return TRUE if nothing else FALSE
    if scope.few:
        return fill(
            f"COALESCE((SELECT {{condition}} FROM {events} WHERE {who} = {own} AND {{picked}}),"
            " FALSE)",
            condition=condition, picked=picked,
        )  # fmt: skip
    # Everybody (of the slice) is joined with their events in one pass. EXISTS and not IN: below
    # OR and NOT an IN that outgrows work_mem becomes a scan per row.
    sure = fill("COALESCE({c}, FALSE)", c=condition)
    found = fill(
        f"EXISTS (SELECT 1 FROM (SELECT {who} AS id FROM {events} WHERE {{slice}} AND {{picked}}"
        f" GROUP BY {who} HAVING {{having}}) c WHERE c.id = {own})",
        slice=of_slice(scope), picked=picked, having=negated(sure) if nothing else sure,
    )  # fmt: skip
    return negated(found) if nothing else found


def leaving(selection: Selection, subject: str, at: datetime, whom: Whom) -> list[Sql]:
    """When the first of the counting events leaves the window; early for most questions."""
    if selection.days is None or not selection.named:
        return []
    picked, who = chosen_sql(selection, at), whom.among(f"e.{subject}_id")
    return [
        Sql(
            f"SELECT e.{subject}_id AS id, min({moment_of('e')}) + make_interval(days => %s) AS due"
            f" FROM {source(selection, subject)} WHERE {who.text} AND {picked.text}"
            f" GROUP BY e.{subject}_id",
            (selection.days, *who.params, *picked.params),
        )
    ]

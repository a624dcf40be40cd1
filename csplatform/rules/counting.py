"""Counting events: the wanted numbers, what is counted, and when time alone changes the count."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from csplatform.rules.comparisons import fold
from csplatform.rules.facts import Facts
from csplatform.rules.flips import Whom
from csplatform.rules.happenings import (
    Selection,
    aggregated,
    chosen,
    chosen_sql,
    leaving,
    moment_of,
    of_slice,
    place_sql,
    source,
)
from csplatform.rules.scope import Scope
from csplatform.rules.sqltext import FALSE, TRUE, Sql, fill, joined, negated, value


class Limits(NamedTuple):
    """The wanted number: at least, and at most (None: without end)."""

    least: int
    most: int | None

    @classmethod
    def of(cls, operator: str, count: int, most: int | None = None) -> "Limits":
        """From at_least, at_most, exactly, between or none."""
        return {
            "at_least": cls(count, None),
            "at_most": cls(0, count),
            "exactly": cls(count, count),
            "between": cls(count, most),
            "none": cls(0, 0),
        }[operator]

    def hold(self, count: int) -> bool:
        """Whether a count lies within."""
        return count >= self.least and (self.most is None or count <= self.most)

    def flips(
        self, selection: Selection, measure: str, subject: str, at: datetime, whom: Whom
    ) -> list[Sql]:
        """When the event that makes up a number of times leaves the window; for other measures,
        when any event does."""
        if selection.days is None or not selection.named:
            return []
        if measure != "times":
            return leaving(selection, subject, at, whom)
        least, most = self
        numbers = {least, least if most is None else most + 1} - {0}
        return [_leaving_of(selection, subject, at, whom, number) for number in sorted(numbers)]


def times(count: int) -> str:
    """A number of times in words."""
    return "once" if count == 1 else f"{count:,} times"


def happened_words(limits: Limits, measure: str = "times", property_: str = "") -> str:
    """e.g. “at least 3 times”, “on at least 2 different days”, “never”."""
    least, most = limits
    if most == 0:
        return "never"
    if measure == "times":
        said = times
    else:
        what = {
            "days": "different days",
            "people": "different people",
            "values": f"different values of {property_}",
            "features": "different features",
        }[measure]

        def said(count: int) -> str:
            return f"{count:,} {what}"

    if most is None:
        how = f"at least {said(least)}"
    elif least == most:
        how = f"exactly {said(least)}"
    else:
        how = f"at most {said(most)}" if not least else f"{least:,} to {said(most)}"
    return {"days": "on ", "people": "by ", "values": "with ", "features": "with "}.get(
        measure, ""
    ) + how


def distinct(found: Any) -> Any:
    """What makes a property's value different from others, as the SQL below sees it; None for
    missing ones, lists and objects."""
    if isinstance(found, str):
        return ("text", fold(found)) if found else None
    if isinstance(found, bool):
        return ("boolean", found)
    return ("number", Decimal(str(found))) if isinstance(found, (int, float)) else None


def count(selection: Selection, measure: str, property_: str, facts: Facts, at: datetime) -> int:
    """How many there are of what is measured, as `counted` counts."""
    found = list(chosen(selection, facts, at))
    if measure == "times":
        return len(found)
    if measure == "days":
        return len({event.occurred_at.astimezone(UTC).date() for event, _ in found})
    if measure == "people":
        return len({event.person_id for event, _ in found} - {None})
    if measure == "features":
        return len({place for _, place in found})
    return len({distinct(event.properties.get(property_)) for event, _ in found} - {None})


def counted(
    selection: Selection, scope: Scope, limits: Limits, measure: str, property_: str = ""
) -> Sql:
    """Whether the number of what is measured lies within the limits.

    Args:
        measure: times, days, people, features (places in `named`), or values of `property_`.
    """
    if measure != "times":
        number = _number_sql(selection, measure, property_)
        return aggregated(selection, scope, _within(number, limits), nothing=limits.hold(0))
    shape = _counted_row if scope.few else _counted_table
    parts = []
    if limits.least:
        parts.append(shape(selection, scope, limits.least))
    if limits.most is not None:
        parts.append(negated(shape(selection, scope, limits.most + 1)))
    return joined(parts, "AND", TRUE)


def _within(number: Sql, limits: Limits) -> Sql:
    parts = [fill("{n} >= {l}", n=number, l=value(limits.least, "bigint"))]
    if limits.most is not None:
        parts.append(fill("{n} <= {m}", n=number, m=value(limits.most, "bigint")))
    return joined(parts, "AND", TRUE)


def _number_sql(selection: Selection, measure: str, property_: str) -> Sql:
    if measure == "days":
        return Sql(f"count(DISTINCT ({moment_of('e')} AT TIME ZONE 'UTC')::date)")
    if measure == "people":
        return Sql("count(DISTINCT e.person_id)")
    if measure == "features":
        return fill("count(DISTINCT {place})", place=place_sql(selection))
    return fill(
        "count(DISTINCT CASE jsonb_typeof(e.properties->{p})"
        " WHEN 'string' THEN to_jsonb(NULLIF(lower((e.properties->>{p}) COLLATE \"C\"), ''))"
        " WHEN 'number' THEN e.properties->{p} WHEN 'boolean' THEN e.properties->{p} END)",
        p=value(property_, "text"),
    )


def _leaving_of(selection: Selection, subject: str, at: datetime, whom: Whom, number: int) -> Sql:
    """When those who have at least so many events in the window will have fewer."""
    picked, who = chosen_sql(selection, at), whom.among(f"e.{subject}_id")
    moment = moment_of("e")
    newest = (
        f"max({moment})" if number == 1 else f"(array_agg({moment} ORDER BY {moment} DESC))[%s]"
    )
    return Sql(
        f"SELECT e.{subject}_id AS id, {newest} + make_interval(days => %s) AS due"
        f" FROM {source(selection, subject)} WHERE {who.text} AND {picked.text}"
        f" GROUP BY e.{subject}_id HAVING count(*) >= %s",
        (
            *(() if number == 1 else (number,)),
            selection.days,
            *who.params,
            *picked.params,
            number,
        ),
    )


def _counted_row(selection: Selection, scope: Scope, least: int) -> Sql:
    """Whether the row has at least so many: stops counting there."""
    picked = chosen_sql(selection, scope.at)
    events = (
        f"FROM {source(selection, scope.subject)}"
        f" WHERE e.{scope.subject}_id = {scope.alias}.id AND {picked.text}"
    )
    if least == 1:
        return Sql(f"EXISTS (SELECT 1 {events})", picked.params)
    some = f"(SELECT count(*) FROM (SELECT 1 {events} LIMIT %s) c)"
    return Sql(f"({some} >= %s)", (*picked.params, least, least))


def _counted_table(selection: Selection, scope: Scope, least: int) -> Sql:
    """The same in a shape that joins everybody (of the slice) with their events in one pass.

    EXISTS and not IN: below OR and NOT an IN that outgrows work_mem becomes a scan per row.
    """
    if not selection.named:
        return FALSE
    picked, sliced, who = (
        chosen_sql(selection, scope.at), of_slice(scope), f"e.{scope.subject}_id",
    )  # fmt: skip
    events, own = source(selection, scope.subject), f"{scope.alias}.id"
    params = (*sliced.params, *picked.params)
    if least == 1:
        found = f"SELECT 1 FROM {events} WHERE {who} = {own} AND {sliced.text} AND {picked.text}"
        return Sql(f"EXISTS ({found})", params)
    grouped = (
        f"SELECT {who} AS id FROM {events} WHERE {sliced.text} AND {picked.text}"
        f" GROUP BY {who} HAVING count(*) >= %s"
    )
    found = f"SELECT 1 FROM ({grouped}) c WHERE c.id = {own}"
    return Sql(f"EXISTS ({found})", (*params, least))

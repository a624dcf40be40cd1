"""Calculated from the subject's events."""

from collections.abc import Iterable
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal

from pydantic import Field

from csplatform.customers.attributes import normal
from csplatform.kit.errors import Problem
from csplatform.kit.schema import Config
from csplatform.rules.facts import EVER, Facts, Happening, Needs
from csplatform.rules.flips import Whom
from csplatform.rules.happenings import Named, Selection, chosen, chosen_sql, leaving, moment_of
from csplatform.rules.kind import FactKey, Known
from csplatform.rules.operators import MAX_DAYS
from csplatform.rules.properties import PropertyFilter
from csplatform.rules.scope import Scope
from csplatform.rules.sqltext import Sql, fill, value
from journeys.fields.source import Asked, FieldSource

DAY = 86_400
MOMENT = moment_of("e")
PLACES = Decimal("0.000001")  # of an average
OF_PROPERTY: list[Any] = ["sum", "average", "min", "max", "last", "last_text"]
FIGURES: dict[str, Any] = {
    "count": "How many", "sum": "Sum of a property", "average": "Average of a property",
    "min": "Lowest of a property", "max": "Highest of a property",
    "last": "Last number of a property", "last_text": "Last text of a property",
    "days_since": "Days since the last one",
}  # fmt: skip
IS: dict[str, Any] = {
    "equals": "is", "not_equals": "is not", "contains": "contains", "gt": "is more than",
    "lt": "is less than", "is_true": "is yes", "is_false": "is no",
}  # fmt: skip
VALUELESS = ("is_true", "is_false")


class Demand(Config):
    """Only events with such a property."""

    property: str = Field(default="", max_length=200, title="Property")
    operator: Literal["equals", "not_equals", "contains", "gt", "lt", "is_true", "is_false"] = (
        Field(default="equals", title="Is", json_schema_extra={"labels": IS})
    )
    value: str = Field(
        default="", max_length=500, title="Value",
        json_schema_extra={"when": {"operator": ["equals", "not_equals", "contains", "gt", "lt"]}},
    )  # fmt: skip


class EventsConfig(Config):
    """Which events, and what of them."""

    event: str | None = Field(
        default=None, max_length=200, title="Event",
        json_schema_extra={"widget": "suggest", "options": "event_names"},
    )  # fmt: skip
    figure: Literal["count", "sum", "average", "min", "max", "last", "last_text", "days_since"] = (
        Field(default="count", title="What of them", json_schema_extra={"labels": FIGURES})
    )
    property: str = Field(
        default="", max_length=200, title="Property",
        json_schema_extra={"when": {"figure": OF_PROPERTY}},
    )  # fmt: skip
    days: int | None = Field(
        default=None, ge=1, le=MAX_DAYS, title="In the last … days", description="Empty: ever."
    )
    where: list[Demand] = Field(default=[], max_length=10, title="Conditions")


class EventsSource(FieldSource):
    """Figures of events, ever or in the last days.

    No event: the count and the sum are 0, everything else is missing. Events without the property,
    or with one of another type, count for nothing. An event's time is as in rules.
    """

    key = "events"
    label = "Events"
    sentence = "Counts what happened, or takes a figure of one of its properties."
    Config = EventsConfig
    example = {"event": "login", "figure": "count", "days": 30}

    def type(self, config: EventsConfig) -> str:
        """Text for the last text, else a number."""
        return "text" if config.figure == "last_text" else "number"

    def check(self, config: EventsConfig, subject: str, known: Known, path: str) -> list[Problem]:
        """Event, property and demands are complete."""
        problems = []
        if not config.event:
            problems.append(Problem(f"{path}/event", "Choose the event.", "missing"))
        if config.figure in OF_PROPERTY and not config.property:
            problems.append(Problem(f"{path}/property", "Write which property.", "missing"))
        for index, demand in enumerate(config.where):
            here = f"{path}/where/{index}"
            if not demand.property:
                text = "Write which property."
                problems.append(Problem(f"{here}/property", text, "missing"))
            elif _filter(demand) is None:
                text = "Give a number." if demand.operator in ("gt", "lt") else "Give a value."
                problems.append(Problem(f"{here}/value", text, "missing"))
        return problems

    def words(self, config: EventsConfig, subject: str) -> str:
        """e.g. “the sum of “amount” of “order” in the last 30 days”."""
        name = f"“{config.property or '…'}”"
        plain = {"count": "the number of", "days_since": "the days since the last"}
        figure = FIGURES[config.figure].lower().replace("a property", name) + " of"
        what = plain.get(config.figure, figure)
        window = f" in the last {config.days:,} days" if config.days else ""
        found = [item for demand in config.where if (item := _filter(demand))]
        where = " and ".join(item.words() for item in found)
        return f"{what} “{config.event or '…'}”{window}" + (f" (where {where})" if where else "")

    def expression(self, asked: Asked, scope: Scope) -> Sql:
        """An aggregate over the row's events."""
        config: EventsConfig = asked.config
        picked = chosen_sql(_selection(config), scope.at)
        events = f"FROM customers_event e WHERE e.{scope.subject}_id = {scope.alias}.id AND "
        figure = config.figure
        if figure == "count":
            return Sql("(SELECT count(*)::numeric ") + Sql(events) + picked + Sql(")")
        if figure == "days_since":
            since = f"floor(extract(epoch FROM (%s::timestamptz - max({MOMENT}))) / {DAY})"
            return Sql(f"(SELECT {since}::numeric ", (scope.at,)) + Sql(events) + picked + Sql(")")
        kind = "string" if figure == "last_text" else "number"
        typed = fill(
            f"(jsonb_typeof(e.properties->{{n}}) = '{kind}')", n=value(config.property, "text")
        )
        text = fill("(e.properties->>{n})", n=value(config.property, "text"))
        number = fill("(CASE WHEN {t} THEN {v}::numeric END)", t=typed, v=text)
        if figure in ("last", "last_text"):
            shown = number if figure == "last" else text
            order = number if figure == "last" else fill('({v} COLLATE "C")', v=text)
            return fill(
                "(SELECT {s} {e}{c} AND {t} ORDER BY {m} DESC, {o} DESC LIMIT 1)",
                s=shown, e=Sql(events), c=picked, t=typed, m=Sql(MOMENT), o=order,
            )  # fmt: skip
        aggregate = {
            "sum": "COALESCE(sum({v}), 0)", "average": "round(avg({v}), 6)",
            "min": "min({v})", "max": "max({v})",
        }[figure]  # fmt: skip
        found = fill(aggregate, v=number)
        return fill("(SELECT {a} {e}{c})", a=found, e=Sql(events), c=picked)

    def value(self, asked: Asked, facts: Facts, at: datetime) -> Any:
        """From the loaded events."""
        config: EventsConfig = asked.config
        found = [event for event, _ in chosen(_selection(config), facts, at)]
        if config.figure == "count":
            return len(found)
        if config.figure == "days_since":
            if not found:
                return None
            return int((at - max(e.occurred_at for e in found)).total_seconds() // DAY)
        if config.figure == "last_text":
            texts = [(e.occurred_at, e.properties.get(config.property)) for e in found]
            known = [(moment, text) for moment, text in texts if isinstance(text, str)]
            return max(known)[1] if known else None
        return normal(_figure(config, found))

    def needs(self, asked: Asked) -> Needs:
        """The events of the name, back to the window's start."""
        return Needs(events=frozenset({(asked.config.event or "", asked.config.days or EVER)}))

    def fact_keys(self, asked: Asked) -> set[FactKey]:
        """The event's name."""
        return {FactKey(asked.subject, f"event.{asked.config.event}")}

    def time_dependent(self, asked: Asked) -> bool:
        """Events leave a window, and days go by."""
        return asked.config.days is not None or asked.config.figure == "days_since"

    def flips(self, asked: Asked, at: datetime, whom: Whom) -> list[Sql]:
        """When the oldest event leaves the window; when another day since the last is full."""
        config: EventsConfig = asked.config
        who = whom.among(f"e.{asked.subject}_id")
        selection = _selection(config)
        found = leaving(selection, asked.subject, at, whom)
        if config.figure == "days_since":
            gone = f"floor(extract(epoch FROM (%s::timestamptz - max({MOMENT}))) / {DAY})"
            due = Sql(f"max({MOMENT}) + ({gone} + 1) * interval '{DAY} s'", (at,))
            found.append(_per_subject(asked.subject, due, who, chosen_sql(selection, at)))
        return found


def _per_subject(subject: str, due: Sql, who: Sql, picked: Sql) -> Sql:
    head = (
        Sql(f"SELECT e.{subject}_id AS id, ") + due + Sql(" AS due FROM customers_event e WHERE ")
    )
    return head + who + Sql(" AND ") + picked + Sql(f" GROUP BY e.{subject}_id")


def _filter(demand: Demand) -> PropertyFilter | None:
    """The demand as rules know it; None while it is not complete."""
    try:
        given = None if demand.operator in VALUELESS else demand.value
        return PropertyFilter(property=demand.property, operator=demand.operator, value=given)
    except ValueError:
        return None


def _selection(config: EventsConfig) -> Selection:
    """The events that count, as the rule language chooses them."""
    demands = tuple(item for demand in config.where if (item := _filter(demand)))
    return Selection((Named(config.event or "?", demands),), days=config.days)


def _figure(config: EventsConfig, found: Iterable[Happening]) -> Decimal | None:
    numbers = [
        (event.occurred_at, Decimal(str(item)))
        for event in found
        if isinstance(item := event.properties.get(config.property), (int, float))
        and not isinstance(item, bool)
    ]
    total = sum((number for _, number in numbers), Decimal(0))
    if config.figure == "sum":
        return total
    if not numbers:
        return None
    if config.figure == "average":
        return (total / len(numbers)).quantize(PLACES, ROUND_HALF_UP)
    if config.figure == "last":
        return max(numbers)[1]
    values = [number for _, number in numbers]
    return min(values) if config.figure == "min" else max(values)

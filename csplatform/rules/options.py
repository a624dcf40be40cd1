"""Suggestions for the builder's inputs: names and values that occur in the data."""

from collections.abc import Callable

from django.db import OperationalError, transaction

from csplatform.customers.attributes import Spec
from csplatform.customers.models import EventName
from csplatform.kit import sql
from csplatform.kit.registry import Registry
from csplatform.rules.scope import TABLES

LIMIT = 200
_SAMPLE = 5000

# Source of options of one input: gives (value, label) pairs for a subject.
OptionSource = Callable[[str], list[tuple[str, str]]]
option_sources: Registry[OptionSource] = Registry("source of options")


def event_names(subject: str) -> list[tuple[str, str]]:
    """Names of events that came in so far."""
    return [(row.name, str(row)) for row in EventName.objects.order_by("name")[:LIMIT]]


# Suggestions come while somebody types: what takes longer is left out.
SUGGEST_MS = 400
_RECENT_EVENTS = 2000


def event_properties(name: str) -> list[str]:
    """Properties of the event among some of its recent rows, the most frequent ones first."""
    return _of_events(
        "SELECT k FROM ({rows}) q, LATERAL jsonb_object_keys(CASE WHEN jsonb_typeof(q.properties)"
        " = 'object' THEN q.properties ELSE '{{}}' END) k GROUP BY k ORDER BY count(*) DESC, k"
        " LIMIT 100",
        name,
    )


def property_values(name: str, property_: str) -> list[str]:
    """Frequent values of a property among some of the event's recent rows."""
    return _of_events(
        "SELECT v FROM (SELECT q.properties->>%(p)s v FROM ({rows}) q) w WHERE v <> ''"
        " AND length(v) <= 200 GROUP BY v ORDER BY count(*) DESC, v LIMIT 50",
        name,
        p=property_,
    )


def _of_events(statement: str, name: str, **params: str) -> list[str]:
    rows = (
        "SELECT e.properties FROM customers_event e WHERE e.name_id ="
        " (SELECT id FROM customers_eventname WHERE name = %(name)s)"
        " AND e.recorded_at > now() - interval '60 days' LIMIT %(limit)s"
    )
    try:
        with transaction.atomic():
            sql.run(f"SET LOCAL statement_timeout = {SUGGEST_MS}")
            found = sql.rows(
                statement.format(rows=rows), {"name": name, "limit": _RECENT_EVENTS, **params}
            )
    except OperationalError:
        return []
    return [row[0] for row in found]


def attribute_values(subject: str, spec: Spec) -> list[str]:
    """Frequent values of an attribute among the newest subjects (a sample: tables are large)."""
    table = TABLES[subject]
    newest = f"(SELECT * FROM {table} ORDER BY id DESC LIMIT {_SAMPLE}) p"
    if spec.type not in ("text", "link", "list"):
        return [key for key, _ in spec.choices]
    if spec.column and spec.type == "list":
        found = f"SELECT unnest(p.{spec.column}) v FROM {newest}"
    elif spec.column:
        found = f"SELECT p.{spec.column} v FROM {newest}"
    elif spec.type == "list":
        items = "CASE WHEN jsonb_typeof(p.attributes->%(n)s) = 'array' THEN p.attributes->%(n)s END"
        found = f"SELECT jsonb_array_elements_text({items}) v FROM {newest}"
    else:
        found = f"SELECT p.attributes->>%(n)s v FROM {newest}"
    statement = (
        f"SELECT v FROM ({found}) q WHERE v <> '' AND length(v) <= 200"
        f" GROUP BY v ORDER BY count(*) DESC, v LIMIT 50"
    )
    return [row[0] for row in sql.rows(statement, {"n": spec.name})]

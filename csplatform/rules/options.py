"""Suggestions for the builder's inputs: names and values that occur in the data."""

from collections.abc import Callable

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

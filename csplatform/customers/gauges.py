"""Figures of the event inbox for /metrics."""

from collections.abc import Iterator

from csplatform.kit import sql
from csplatform.kit.metrics import COUNT_UP_TO, Figures, Reading, gauges


def inbox() -> Iterator[Reading]:
    """Events that wait for each consumer; the index of the consumers' own claim answers."""
    rows = sql.rows(
        "SELECT c.consumer, t.number, t.age FROM"
        " (SELECT DISTINCT consumer FROM customers_eventsubscription) c"
        " CROSS JOIN LATERAL (SELECT count(*) AS number,"
        "  coalesce(extract(epoch FROM clock_timestamp() - min(i.recorded_at)), 0)::float AS age"
        "  FROM (SELECT recorded_at FROM customers_eventinbox i WHERE i.consumer = c.consumer"
        "   ORDER BY i.id LIMIT %s) i) t",
        [COUNT_UP_TO + 1],
    )
    for consumer, number, age in rows:
        yield Reading("csplatform_inbox_events", number, {"consumer": consumer})
        yield Reading("csplatform_inbox_oldest_seconds", age, {"consumer": consumer})


def register() -> None:
    """Called once at start."""
    gauges.register(
        "customers.inbox",
        Figures(
            {
                "csplatform_inbox_events": "Events that wait for a consumer, counted to 10,001.",
                "csplatform_inbox_oldest_seconds": "How long the first of them has waited.",
            },
            inbox,
        ),
    )

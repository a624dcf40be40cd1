"""Benchmarks of the customers room: identify and ingest in batches."""

from typing import Any

from csplatform.customers.operations.events import EventInput, record_events
from csplatform.customers.operations.people import PersonInput, upsert_people
from csplatform.kit import sql
from csplatform.kit.bench import Bench, benches, figures, stopwatch

CHUNK = 1000
DOMAIN = "bench.invalid"


def register() -> None:
    """Called once at start by customers.registrations."""
    benches.register("identify", Bench(20_000, identify))
    benches.register("ingest", Bench(100_000, ingest))


def make_people(count: int) -> list[int]:
    """People to measure with, by plain SQL; `remove_people` takes them away."""
    found = sql.rows(
        "INSERT INTO customers_person (name, email, role, persona, language, time_zone,"
        " attributes, created_at) SELECT 'Bench ' || i, 'p' || i || %s, '', '', 'en', '', '{}',"
        " now() FROM generate_series(1, %s) i RETURNING id",
        [f"@{DOMAIN}", count],
    )
    return sorted(row[0] for row in found)


def remove_people() -> None:
    """Take away everything that hangs on them here."""
    mine = f"SELECT id FROM customers_person WHERE email LIKE '%%@{DOMAIN}'"
    sql.run(f"DELETE FROM customers_event WHERE person_id IN ({mine})", [])
    sql.run(f"DELETE FROM customers_personactivity WHERE person_id IN ({mine})", [])
    sql.run(f"DELETE FROM customers_externalid WHERE person_id IN ({mine})", [])
    sql.run(f"DELETE FROM freshness_touch WHERE subject = 'person' AND subject_id IN ({mine})", [])
    sql.run(f"DELETE FROM customers_person WHERE email LIKE '%%@{DOMAIN}'", [])


def identify(size: int) -> dict[str, Any]:
    """New people with an external id, by a thousand."""
    try:
        with stopwatch() as watch:
            for start in range(0, size, CHUNK):
                upsert_people(
                    [
                        PersonInput(email=f"p{n}@{DOMAIN}", external_id=f"bench-{n}", name="Bench")
                        for n in range(start, min(start + CHUNK, size))
                    ],
                    cause={"how": "bench"},
                )
    finally:
        remove_people()
    return figures(size, watch.seconds)


def ingest(size: int) -> dict[str, Any]:
    """Events of known people with message ids, by a thousand; no event is subscribed."""
    people = make_people(1000)
    try:
        with stopwatch() as watch:
            for start in range(0, size, CHUNK):
                record_events(
                    [
                        EventInput(
                            "bench_event",
                            person_id=people[n % 1000],
                            message_id=f"bench-{n}",
                            properties={"n": n},
                        )
                        for n in range(start, min(start + CHUNK, size))
                    ]
                )
    finally:
        remove_people()
        sql.run("DELETE FROM customers_eventmessage WHERE message_id LIKE 'bench-%%'", [])
    return {**figures(size, watch.seconds), "subscribed_share": 0}

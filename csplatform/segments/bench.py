"""How fast segments are: computed as a whole, unchanged, over events, and for one change."""

from collections.abc import Iterator
from statistics import quantiles
from typing import Any

from csplatform.customers import bench_world
from csplatform.customers.operations.attributes import patch_attributes
from csplatform.freshness import loop
from csplatform.kit import sql
from csplatform.kit.bench import Bench, benches, figures, stopwatch
from csplatform.segments import recompute
from csplatform.segments.models import Segment
from csplatform.segments.operations.definition import (
    SegmentInput,
    delete_segment,
    request_recompute,
    save_segment,
)

EVENTS_EACH = 10
CHANGES = 50
HALF = {"test": "attribute", "name": "role", "operator": "in", "value": ["Admin", "Owner"]}
ACTIVE = {"test": "event", "name": "login", "operator": "at_least", "count": 3, "days": 30}


def register() -> None:
    """Called once at start by segments.registrations."""
    benches.register("segments", Bench(1_000_000, segments))


def segments(size: int) -> Iterator[dict[str, Any]]:
    """Full recomputes over `size` people with ten events each, and single changes.

    The twin computes the same members with their history in one statement.
    """
    world = bench_world.build(size, size // 10, size * EVENTS_EACH)
    made: list[Segment] = []
    try:
        half = _segment("half of them", HALF, made)
        first = _computed(half)
        raw = _raw("p.role = ANY('{Admin,Owner}')", world)
        yield {"case": "half of the people become members", **figures(size, first, raw)}
        yield {"case": "nothing changed", **figures(size, _again(half))}
        active = _segment("active", ACTIVE, made)
        raw_active = _raw(
            "(SELECT count(*) FROM customers_event e WHERE e.person_id = p.id AND e.name_id ="
            " (SELECT id FROM customers_eventname WHERE name = 'login')"
            " AND e.occurred_at > now() - interval '30 days') >= 3",
            world,
        )
        took = _computed(active)
        yield {"case": "an event rule with a window", **figures(size, took, raw_active)}
        yield {"case": "one person's change", **_changes(world)}
    finally:
        for segment in made:
            delete_segment(segment.pk, actor=None)
        bench_world.remove()


def _segment(name: str, rule: dict[str, Any], made: list[Segment]) -> Segment:
    segment = save_segment(SegmentInput(f"Benchmark: {name}", rule=rule), actor=None)
    made.append(segment)
    return segment


def _computed(segment: Segment) -> float:
    """Seconds of the recompute that is asked for."""
    with stopwatch() as watch:
        while recompute.run_slice():
            pass
    segment.refresh_from_db()
    assert segment.state == "ready", segment.error
    return watch.seconds


def _again(segment: Segment) -> float:
    sql.run("DELETE FROM freshness_touch", [])  # nobody else works here
    request_recompute(segment.pk, actor=None)
    return _computed(segment)


def _raw(condition: str, world: bench_world.BenchWorld) -> float:
    """Seconds of INSERT ... SELECT of members and history in one statement."""
    with stopwatch() as watch:
        sql.run(
            "WITH come AS (INSERT INTO segments_member (segment_id, subject_id, since)"
            f" SELECT 0, p.id, now() FROM customers_person p WHERE p.id > %s AND {condition}"
            " RETURNING subject_id)"
            " INSERT INTO segments_memberchange (segment_id, subject_id, entered, occurred_at,"
            "  recorded_at, cause) SELECT 0, subject_id, TRUE, now(), now(), '{}' FROM come",
            [world.low],
        )
    for table in ("segments_member", "segments_memberchange"):
        sql.run(f"DELETE FROM {table} WHERE segment_id = 0", [])
    return watch.seconds


def _changes(world: bench_world.BenchWorld) -> dict[str, Any]:
    """From a changed role to the changed membership, one person after the other."""
    sql.run("DELETE FROM freshness_touch", [])
    spans = []
    for number in range(CHANGES):
        person = world.low + 1 + number * (world.people // CHANGES)
        for role in ("Owner", "Viewer"):
            with stopwatch() as watch:
                patch_attributes("person", {person: {"role": role}}, cause={"how": "bench"})
                while loop.run_batch():
                    pass
            spans.append(watch.seconds * 1000)
    cuts = quantiles(spans, n=20)
    total = sum(spans) / 1000
    return {
        **figures(len(spans), total), "p50_ms": round(cuts[9], 1), "p95_ms": round(cuts[18], 1)
    }  # fmt: skip

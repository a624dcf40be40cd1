"""Benchmark of the customers room: identify in batches. That of events stands above, at the doors
that they come in by."""

from collections.abc import Iterator
from typing import Any

from csplatform.customers import bench_world
from csplatform.customers.operations.people import PersonInput, upsert_people
from csplatform.kit.bench import Bench, benches, figures, stopwatch

CHUNK = 1000
DOMAIN = bench_world.DOMAIN


def register() -> None:
    """Called once at start by customers.registrations."""
    benches.register("identify", Bench(20_000, identify))


def identify(size: int) -> Iterator[dict[str, Any]]:
    """New people with an external id, by a thousand; then the same again, unchanged."""
    try:
        for case in ("new people", "the same again"):
            with stopwatch() as watch:
                for start in range(0, size, CHUNK):
                    upsert_people(
                        [
                            PersonInput(
                                email=f"p{n}@{DOMAIN}", external_id=f"bench-{n}", name="Bench"
                            )
                            for n in range(start, min(start + CHUNK, size))
                        ],
                        cause={"how": "bench"},
                    )
            yield {"case": case, **figures(size, watch.seconds)}
    finally:
        bench_world.remove()

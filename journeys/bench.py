"""Benchmarks of the engine and of entry, each with its plain-SQL twin in the same run."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction

from csplatform.customers import bench_world
from csplatform.freshness import loop
from csplatform.freshness.models import TouchLane
from csplatform.kit import sql
from csplatform.kit.bench import Bench, benches, figures, stopwatch
from journeys.engine.advance import advance_due
from journeys.models import Program
from journeys.models.participant import Lane
from journeys.operations.draft import create_program
from journeys.operations.enroll import enroll
from journeys.operations.publish import publish_program

CHUNK = 20_000
STEPS = 4  # entry, if/else, split, exit
ENDS_WITH_0 = {"test": "attribute", "name": "name", "operator": "ends_with", "value": "0"}


def register() -> None:
    """Called once at start by journeys.registrations."""
    benches.register("engine", Bench(100_000, engine))
    benches.register("enroll", Bench(100_000, enroll_many))


def step(kind: str, key: str, *exits: str, **config: Any) -> dict[str, Any]:
    """One step of a flow document; the exits lead nowhere else."""
    found = {"key": key, "kind": kind, "name": key, "config": config}
    return found | ({"exits": {name: [] for name in exits}} if exits else {})


def _decisions() -> list[dict[str, Any]]:
    groups = [{"key": key, "label": key, "percent": 50} for key in ("a", "b")]
    paths = [{"key": "yes", "label": "Yes", "rule": ENDS_WITH_0}]
    return [
        step("if_else", "branch", "yes", "else", paths=paths),
        step("split", "split", "a", "b", groups=groups),
    ]


@contextmanager
def program(*steps: dict[str, Any], **more: Any) -> Iterator[Program]:
    """A published program, taken away afterwards with all its traces."""
    document = {"entry": {"sources": []}, "steps": list(steps), **more}
    made = create_program(name="Benchmark", actor=None, document=document)
    publish_program(made.pk, actor=None)
    try:
        yield made
    finally:
        _remove(made)


def _remove(made: Program) -> None:
    with transaction.atomic():
        sql.run(
            "DELETE FROM journeys_wait WHERE participant_id IN"
            " (SELECT id FROM journeys_participant WHERE program_id = %s)",
            [made.pk],
        )
        for table in ("transition", "refusal", "outbox", "attentionentry", "participant"):
            sql.run(f"DELETE FROM journeys_{table} WHERE program_id = %s", [made.pk])
        Program.objects.filter(pk=made.pk).update(published=None)
        Program.objects.get(pk=made.pk).delete()


@contextmanager
def people(count: int) -> Iterator[list[int]]:
    """People to measure with, taken away afterwards."""
    world = bench_world.build(count, 0, 0)
    try:
        yield list(range(world.low + 1, world.high + 1))
    finally:
        bench_world.remove()


def enter_all(made: Program, ids: list[int]) -> None:
    """Let them in by twenty thousand."""
    for start in range(0, len(ids), CHUNK):
        enroll(made.pk, ids[start : start + CHUNK], actor=None)


def engine(size: int) -> Iterator[dict[str, Any]]:
    """From enrolled to ended, without and with an attribute write on the way.

    The twin moves and logs as many participants in one statement, once per step.
    """
    writes = step("set_attribute", "set", attribute="persona", value="Champion")
    cases = {
        "entry, if/else, split, exit": [*_decisions(), step("exit", "exit")],
        "with an attribute write": [*_decisions(), writes, step("exit", "exit")],
    }
    for case, steps in cases.items():
        with people(size) as ids, program(*steps) as made:
            enter_all(made, ids)
            with stopwatch() as watch:
                while advance_due(Lane.BULK) or advance_due(Lane.LIVE):
                    pass
                while loop.run_batch(TouchLane.BULK) or loop.run_batch():
                    pass  # what the written attributes touch
            ended = made.participants.filter(state="completed").count()
            assert ended == size, f"{size - ended} participants did not end"
            with stopwatch() as raw:
                _move_and_log(made)
        taken = len(steps) + 1
        yield {"case": case, **figures(size * taken, watch.seconds, raw.seconds * taken)}


def _move_and_log(made: Program) -> None:
    sql.run(
        "WITH moved AS (UPDATE journeys_participant SET visit = visit + 1 WHERE program_id = %s"
        " RETURNING id, program_id, version_id)"
        " INSERT INTO journeys_transition (participant_id, program_id, version_id, kind,"
        "  occurred_at, recorded_at) SELECT id, program_id, version_id, 'go', now(), now()"
        " FROM moved",
        [made.pk],
    )


def enroll_many(size: int) -> Iterator[dict[str, Any]]:
    """People let in by twenty thousand. The twin is INSERT ... SELECT of bare participants."""
    with people(size) as ids, program(step("exit", "exit")) as made:
        with stopwatch() as watch:
            enter_all(made, ids)
        sql.run("DELETE FROM journeys_participant WHERE program_id = %s", [made.pk])
        with stopwatch() as raw:
            sql.run(
                "INSERT INTO journeys_participant (program_id, version_id, person_id, context_id,"
                " state, lane, phase, visit, refs, step_since, entered_at, end_reason, deaths,"
                " cause, depth, wait_local, wait_zone) SELECT g.id, g.published_id, p.id, '',"
                " 'active', 0, 'run', 0, '{}', now(), now(), '', 0, '{}', 0, '', ''"
                " FROM journeys_program g, customers_person p"
                " WHERE g.id = %s AND p.id = ANY(%s) ORDER BY p.id",
                [made.pk, ids],
            )
    yield figures(size, watch.seconds, raw.seconds)

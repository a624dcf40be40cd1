"""Benchmarks of the engine and of entry, each with its plain-SQL twin in the same run."""

from typing import Any

from django.db import transaction

from csplatform.customers.bench import make_people, remove_people
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


def register() -> None:
    """Called once at start by journeys.registrations."""
    benches.register("engine", Bench(100_000, engine))
    benches.register("enroll", Bench(100_000, enroll_many))


def _program() -> Program:
    """Entry, if/else, split, exit."""
    rule = {"test": "attribute", "name": "name", "operator": "ends_with", "value": "0"}
    groups = [
        {"key": "a", "label": "A", "percent": 50},
        {"key": "b", "label": "B", "percent": 50},
    ]
    steps = [
        {
            "key": "branch",
            "kind": "if_else",
            "name": "Branch",
            "config": {"paths": [{"key": "yes", "label": "Yes", "rule": rule}]},
            "exits": {"yes": [], "else": []},
        },
        {
            "key": "split",
            "kind": "split",
            "name": "Split",
            "config": {"groups": groups},
            "exits": {"a": [], "b": []},
        },
        {"key": "exit", "kind": "exit", "name": "Exit", "config": {}},
    ]
    document = {"entry": {"sources": []}, "steps": steps}
    program = create_program(name="Benchmark", actor=None, document=document)
    publish_program(program.pk, actor=None)
    return program


def _remove(program: Program) -> None:
    """Take the program away with all its traces."""
    with transaction.atomic():
        for table in ("journeys_transition", "journeys_refusal", "journeys_participant"):
            sql.run(f"DELETE FROM {table} WHERE program_id = %s", [program.pk])
        Program.objects.filter(pk=program.pk).update(published=None)
        Program.objects.get(pk=program.pk).delete()


def _enter(program: Program, people: list[int]) -> None:
    for start in range(0, len(people), CHUNK):
        enroll(program.pk, people[start : start + CHUNK], actor=None)


def engine(size: int) -> dict[str, Any]:
    """From enrolled to ended. The twin moves and logs as many participants in one statement."""
    program = _program()
    try:
        _enter(program, make_people(size))
        with stopwatch() as watch:
            while advance_due(Lane.BULK) or advance_due(Lane.LIVE):
                pass
        ended = program.participants.filter(state="completed").count()
        assert ended == size, f"{size - ended} participants did not end"
        with stopwatch() as raw:
            _move_and_log(program)
    finally:
        _remove(program)
        remove_people()
    # The twin writes one transition per participant; a participant of ours takes four steps.
    return figures(size * STEPS, watch.seconds, raw.seconds * STEPS)


def _move_and_log(program: Program) -> None:
    sql.run(
        "WITH moved AS (UPDATE journeys_participant SET visit = visit + 1 WHERE program_id = %s"
        " RETURNING id, program_id, version_id)"
        " INSERT INTO journeys_transition (participant_id, program_id, version_id, kind,"
        "  occurred_at, recorded_at) SELECT id, program_id, version_id, 'go', now(), now()"
        " FROM moved",
        [program.pk],
    )


def enroll_many(size: int) -> dict[str, Any]:
    """People let in by twenty thousand. The twin is INSERT ... SELECT of bare participants."""
    program = _program()
    try:
        people = make_people(size)
        with stopwatch() as watch:
            _enter(program, people)
        sql.run("DELETE FROM journeys_participant WHERE program_id = %s", [program.pk])
        with stopwatch() as raw:
            sql.run(
                "INSERT INTO journeys_participant (program_id, version_id, person_id, context_id,"
                " state, lane, phase, visit, refs, step_since, entered_at, end_reason, deaths,"
                " cause, depth, wait_local, wait_zone) SELECT g.id, g.published_id, p.id, '',"
                " 'active', 0, 'run', 0, '{}', now(), now(), '', 0, '{}', 0, '', ''"
                " FROM journeys_program g, customers_person p"
                " WHERE g.id = %s AND p.id = ANY(%s) ORDER BY p.id",
                [program.pk, people],
            )
    finally:
        _remove(program)
        remove_people()
    return figures(size, watch.seconds, raw.seconds)

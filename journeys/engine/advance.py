"""Claim what is due and advance it: one batch, one transaction, and a trace for the survivors."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from csplatform.freshness.touches import cause_depth
from csplatform.kit import sql
from csplatform.kit.clock import database_now
from csplatform.kit.jobs import NOBODYS_FAULT
from csplatform.kit.liveness import alive_among, worker_key
from journeys.engine import store
from journeys.engine.decide import decide
from journeys.engine.flips import note_runs
from journeys.engine.runs import Run, lock_rows, make_run
from journeys.engine.versions import CompiledVersion, load_versions

log = logging.getLogger(__name__)
BATCH = 1000
MAX_DEATHS = 3
DUE = "p.due_at <= %(now)s"
# Waiting or about to: what comes while the wait is being armed counts as well.
WAITING = "p.phase IN ('waiting', 'arming') AND p.ended_at IS NULL"
# Not as "<> ALL (ARRAY(...))": the planner takes that to leave one row, and sorts all that is due.
NOT_QUARANTINED = "p.program_id NOT IN (SELECT id FROM journeys_program WHERE quarantine <> '')"


def pending(lane: int) -> bool:
    """Whether a lane has participants due."""
    return bool(
        sql.one(
            # no EXISTS: in one the order is lost, and with it the index where many were due lately
            "SELECT (SELECT p.id FROM journeys_participant p"
            f" WHERE p.lane = %s AND p.due_at <= statement_timestamp() AND {NOT_QUARANTINED}"
            "  ORDER BY p.due_at, p.id LIMIT 1) IS NOT NULL"
            " OR EXISTS (SELECT 1 FROM journeys_batch WHERE started_at < now() - interval '5 s')",
            [lane],
        )
    )


def advance_due(lane: int) -> int:
    """Advance one batch of due participants of a lane; how many were moved.

    The batch's ids are committed before the work starts: if this process is killed, somebody
    else sees who was in hand (see `recover`).
    """
    now = database_now()
    ids = [
        row[0]
        for row in sql.rows(
            "SELECT p.id FROM journeys_participant p WHERE p.lane = %s AND p.due_at <= %s"
            f" AND {NOT_QUARANTINED}"
            " ORDER BY p.due_at, p.id LIMIT %s FOR UPDATE OF p SKIP LOCKED",
            [lane, now, BATCH],
        )
    ]
    if not ids:
        return 0
    return _run_marked(sorted(ids), deaths=0)


def _run_marked(ids: list[int], deaths: int) -> int:
    """Note the ids as in hand, run them, and take the note back."""
    batch_id = sql.one(
        "INSERT INTO journeys_batch (worker, participants, deaths, started_at)"
        " VALUES (%s, %s, %s, clock_timestamp()) RETURNING id",
        [worker_key(), ids, deaths],
    )
    try:
        return run_ids(ids)
    finally:
        # A killed process never gets here; an error that Python can catch is no death.
        _forget_batch(batch_id)


def _forget_batch(batch_id: int) -> None:
    try:
        sql.run("DELETE FROM journeys_batch WHERE id = %s", [batch_id])
    except NOBODYS_FAULT:
        log.warning("batch note left behind", extra={"batch": batch_id})


def run_ids(ids: Sequence[int]) -> int:
    """Advance these participants if they are due; halve on an error that no step can be blamed
    for, so that one poisoned row cannot hold up the others."""
    try:
        with transaction.atomic():
            return advance_locked(list(ids), DUE, database_now())
    except NOBODYS_FAULT:
        raise
    except Exception as error:
        log.exception("batch failed", extra={"size": len(ids)})
        if len(ids) == 1:
            return _fail_one(ids[0], f"{type(error).__name__}: {error}")
    half = len(ids) // 2
    return run_ids(ids[:half]) + run_ids(ids[half:])


def advance_locked(ids: list[int], condition: str, now: datetime) -> int:
    """Lock (subjects first where steps write them), decide, write. Inside a transaction."""
    versions = lock_subjects(ids)
    rows = lock_rows(ids, condition, now)
    runs = [run for row in rows if (run := make_run(row, versions)) is not None]
    return finish(runs, now)


def finish(runs: list[Run], now: datetime) -> int:
    """Decide and write for runs whose rows are locked; how many of them changed."""
    if not runs:
        return 0
    for depth, group in _by_depth(runs).items():
        mark = cause_depth.set(depth)
        try:
            decide(group, now)
        finally:
            cause_depth.reset(mark)
    runs = _still_inside(runs)
    store.write(runs, now)
    note_runs(runs, now)
    return sum(1 for run in runs if run.moved)


def _still_inside(runs: list[Run]) -> list[Run]:
    """Without those whom a step of somebody else in the batch has just taken out: what was decided
    about them meanwhile is void."""
    if not any(run.version.ends_others for run in runs):
        return runs
    found = sql.rows(
        "SELECT id FROM journeys_participant WHERE id = ANY(%s) AND ended_at IS NOT NULL",
        [[run.traveller.id for run in runs]],
    )
    gone = {row[0] for row in found}
    return [run for run in runs if run.traveller.id not in gone]


def _by_depth(runs: list[Run]) -> dict[int, list[Run]]:
    """Runs whose steps change subjects, by the depth of their cause: a chain about to be stopped
    must not drag others over the brink. All the rest is one group."""
    found: dict[int, list[Run]] = defaultdict(list)
    for run in runs:
        found[run.depth if run.version.writes_subjects else 0].append(run)
    return found


def lock_subjects(ids: list[int]) -> dict[int, CompiledVersion]:
    """The versions of these participants; where steps write subjects or let them into other
    programs, those are locked first (lock order is program, company, person, participant)."""
    versions = load_versions(
        row[0]
        for row in sql.rows(
            "SELECT DISTINCT version_id FROM journeys_participant WHERE id = ANY(%s)", [ids]
        )
    )
    if entered := sorted({i for version in versions.values() for i in version.enters}):
        # shared: many may enter at once, while nobody pauses or stops it
        sql.rows(
            "SELECT id FROM journeys_program WHERE id = ANY(%s) ORDER BY id FOR SHARE", [entered]
        )
    writing = [version.id for version in versions.values() if version.writes_subjects]
    for_companies = [version.id for version in versions.values() if version.writes_companies]
    for table, column, wanted in (
        ("customers_company", "at_company_id", for_companies),
        ("customers_company", "company_id", writing),
        ("customers_person", "person_id", writing),
    ):
        if wanted:
            sql.rows(
                # an array, not a join: looked up by key whatever the statistics say
                f"SELECT s.id FROM {table} s WHERE s.id = ANY(ARRAY(SELECT {column}"
                " FROM journeys_participant WHERE id = ANY(%s) AND version_id = ANY(%s)))"
                " ORDER BY s.id FOR NO KEY UPDATE",
                [ids, wanted],
            )
    return versions


def _fail_one(participant_id: int, reason: str) -> int:
    """End a participant that cannot be advanced: visible, with a retry button."""
    with transaction.atomic():
        now = database_now()
        versions = load_versions(
            row[0]
            for row in sql.rows(
                "SELECT version_id FROM journeys_participant WHERE id = %s", [participant_id]
            )
        )
        for row in lock_rows([participant_id], "p.ended_at IS NULL", now):
            run = make_run(row, versions)
            if run is None:
                return 0
            run.end("failed", reason, now, "fail", {})
            store.write([run], now)
            return 1
    return 0


# --- recovery -------------------------------------------------------------------------------


def recover() -> int:
    """Run again what was in the hands of workers that are gone: in halves, so that a participant
    that kills its worker is found; its third death fails it. How many batches were taken over."""
    notes = sql.rows("SELECT id, worker, participants, deaths FROM journeys_batch ORDER BY id")
    living = alive_among({note[1] for note in notes})
    taken = 0
    for batch_id, worker, ids, deaths in notes:
        if worker in living:
            continue
        if not sql.run("DELETE FROM journeys_batch WHERE id = %s", [batch_id]):
            continue  # somebody else took it over
        taken += 1
        _run_again(list(ids), deaths + 1)
    return taken


def _run_again(ids: list[int], deaths: int) -> None:
    if len(ids) > 1:
        half = len(ids) // 2
        for part in (ids[:half], ids[half:]):
            _run_marked(part, 0)
    elif deaths >= MAX_DEATHS:
        _fail_one(ids[0], f"Its worker died {deaths} times while it was being advanced.")
    else:
        _run_marked(ids, deaths)

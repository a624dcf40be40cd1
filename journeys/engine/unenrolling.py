"""Entering one program takes people out of others: once, in the same transaction (PRG-26)."""

from collections.abc import Sequence
from datetime import datetime

from csplatform.kit import sql
from journeys.engine.endings import taken_out
from journeys.engine.telling import tell_where
from journeys.flow.entry import LeavingConfig
from journeys.models import Program

SUBJECTS = {"person": "customers_person", "company": "customers_company"}


def lock_subjects_of(subject: str, ids: Sequence[int], *, alone: bool) -> None:
    """Hold subjects against being merged away, in the order of their ids.

    Args:
        alone: also against others that hold them alone. Of two programs that take people out of
            each other, the one that comes second then sees the run of the first and ends it:
            whoever enters both at the same moment is inside the later one alone.
    """
    mode = "NO KEY UPDATE" if alone else "KEY SHARE"
    sql.run(
        f"SELECT id FROM {SUBJECTS[subject]} WHERE id = ANY(%s) ORDER BY id FOR {mode}",
        [sorted(ids)],
    )


def unenrol_elsewhere(
    program: Program,
    subject_ids: Sequence[int],
    leaving: LeavingConfig,
    *,
    now: datetime,
    actor_id: int | None = None,
) -> int:
    """End the runs of newcomers in the other programs; how many ended. Inside a transaction."""
    chosen = "" if leaving.unenrol == "all" else " AND program_id = ANY(%(chosen)s)"
    theirs = (
        f"{program.type}_id = ANY(%(subjects)s) AND ended_at IS NULL"
        f" AND program_id <> %(program)s{chosen}"
    )
    params = {
        "subjects": sorted(subject_ids),
        "program": program.pk,
        "chosen": list(leaving.unenrol_programs),
    }
    tell_where(theirs, params)
    gone = sql.rows(
        "WITH theirs AS MATERIALIZED (SELECT id FROM journeys_participant"
        f"  WHERE {theirs} ORDER BY id FOR UPDATE),"
        " gone AS (UPDATE journeys_participant SET state = 'unenrolled', ended_at = %(now)s,"
        "  end_reason = %(reason)s, due_at = NULL, remaining = NULL"
        "  WHERE id IN (SELECT id FROM theirs)"
        "  RETURNING id, program_id, version_id, step_id, visit),"
        " quiet AS (DELETE FROM journeys_wait WHERE participant_id IN (SELECT id FROM gone)"
        "  AND closed_at IS NULL)"
        " INSERT INTO journeys_transition (participant_id, program_id, version_id, amendment,"
        "  step_id, visit, kind, exit, evidence, occurred_at, recorded_at)"
        " SELECT id, program_id, version_id, 0, step_id, visit, 'leave', '', jsonb_build_object("
        "  'reason', %(reason)s::text, 'entered', %(program)s::bigint, 'by', %(by)s::bigint),"
        "  %(now)s, clock_timestamp() FROM gone RETURNING participant_id",
        {
            **params,
            "now": now,
            "reason": f"Entered “{program.name}”"[:200],
            "by": actor_id,
        },
    )
    taken_out([row[0] for row in gone], now)
    return len(gone)

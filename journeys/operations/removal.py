"""Taking runs out of a program."""

from typing import Any

from csplatform.kit import sql
from csplatform.kit.clock import database_now
from journeys.engine.endings import taken_out
from journeys.engine.telling import tell_where


def remove_rows(condition: str, params: dict[str, Any], reason: str, *, actor: Any = None) -> int:
    """End runs as removed, with a transition each and without their waits.

    `condition` is code-owned SQL over journeys_participant; inside a transaction.
    """
    tell_where(f"ended_at IS NULL AND ({condition})", params)
    gone = sql.rows(
        "WITH gone AS (UPDATE journeys_participant SET state = 'removed',"
        "  ended_at = clock_timestamp(), end_reason = %(reason)s, due_at = NULL, remaining = NULL"
        " WHERE id IN (SELECT id FROM journeys_participant WHERE ended_at IS NULL AND"
        f"  ({condition}) ORDER BY id FOR UPDATE)"
        "  RETURNING id, program_id, version_id, step_id, visit),"
        " quiet AS (DELETE FROM journeys_wait WHERE participant_id IN (SELECT id FROM gone)"
        "  AND closed_at IS NULL)"
        " INSERT INTO journeys_transition (participant_id, program_id, version_id, amendment,"
        "  step_id, visit, kind, exit, evidence, occurred_at, recorded_at)"
        " SELECT id, program_id, version_id, 0, step_id, visit, 'leave', '',"
        "  jsonb_build_object('reason', %(reason)s::text, 'by', %(by)s::bigint),"
        "  clock_timestamp(), clock_timestamp()"
        " FROM gone RETURNING participant_id",
        {**params, "reason": reason, "by": getattr(actor, "pk", None)},
    )
    taken_out([row[0] for row in gone], database_now())
    return len(gone)

"""Two people turned out to be one: their runs become the winner's."""

from datetime import datetime

from csplatform.kit import sql
from journeys.engine.endings import taken_out


def repoint_runs(winner: int, loser: int, moment: datetime) -> None:
    """Give the loser's runs to the winner; where both are inside a program, the older run stays.

    Runs inside the merge's transaction, with both persons locked.
    """
    _end_younger(winner, loser, moment)
    both = {"winner": winner, "loser": loser}
    for table in ("journeys_participant", "journeys_wait", "journeys_part", "journeys_entryrow"):
        sql.run(
            f"UPDATE {table} SET person_id = %(winner)s WHERE id IN"
            f" (SELECT id FROM {table} WHERE person_id = %(loser)s ORDER BY id FOR UPDATE)",
            both,
        )
    sql.run(
        "DELETE FROM journeys_refusal r WHERE person_id = %(loser)s AND EXISTS (SELECT 1"
        " FROM journeys_refusal o WHERE o.program_id = r.program_id AND o.reason = r.reason"
        " AND o.context_id = r.context_id AND o.person_id = %(winner)s)",
        both,
    )
    sql.run("UPDATE journeys_refusal SET person_id = %(winner)s WHERE person_id = %(loser)s", both)


def _end_younger(winner: int, loser: int, moment: datetime) -> None:
    """One active run per program and context: the younger of the two ends as merged."""
    gone = sql.rows(
        "WITH open AS (SELECT id, program_id, context_id, row_number() OVER"
        "  (PARTITION BY program_id, context_id ORDER BY entered_at, id) AS place"
        "  FROM (SELECT * FROM journeys_participant WHERE ended_at IS NULL"
        "   AND person_id IN (%(winner)s, %(loser)s) ORDER BY id FOR UPDATE) locked),"
        " gone AS (UPDATE journeys_participant SET state = 'removed', ended_at = %(moment)s,"
        "  end_reason = 'merged', due_at = NULL, remaining = NULL"
        "  WHERE id IN (SELECT id FROM open WHERE place > 1)"
        "  RETURNING id, program_id, version_id, step_id, visit),"
        " quiet AS (DELETE FROM journeys_wait WHERE participant_id IN (SELECT id FROM gone)"
        "  AND closed_at IS NULL)"
        " INSERT INTO journeys_transition (participant_id, program_id, version_id, amendment,"
        "  step_id, visit, kind, exit, evidence, occurred_at, recorded_at)"
        " SELECT id, program_id, version_id, 0, step_id, visit, 'leave', '',"
        "  jsonb_build_object('reason', 'merged', 'winner', %(winner)s::bigint,"
        "   'loser', %(loser)s::bigint), %(moment)s, clock_timestamp() FROM gone"
        " RETURNING participant_id",
        {"winner": winner, "loser": loser, "moment": moment},
    )
    taken_out([row[0] for row in gone], moment)

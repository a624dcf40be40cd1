"""Who comes while a program takes nobody in: remembered in its list of refusals, with what they
came with, and let in when it goes on."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from csplatform.kit import sql
from journeys.engine.candidates import Candidate, Entry, given_sql
from journeys.models import Program

# Came while the program was paused, quarantined or closed: looked at again when it goes on.
HELD = "paused"
HELD_AT_ONCE = 2_000


def hold_back(
    program: Program,
    subject: str,
    candidates: Sequence[int | Candidate],
    *,
    now: datetime,
    cause: Mapping[str, Any],
) -> None:
    """Remember who came while the program stands still: in the list of refusals, for all to see."""
    refuse(program, subject, candidates, now=now, cause=cause, reason=HELD)


def refuse(
    program: Program,
    subject: str,
    candidates: Sequence[int | Candidate],
    *,
    now: datetime,
    cause: Mapping[str, Any],
    reason: str,
) -> None:
    """Write into the list of refusals why these do not get in."""
    if not candidates:
        return
    given, params = given_sql(candidates)
    sql.run(
        f"INSERT INTO journeys_refusal (program_id, {subject}_id, context_id, fields, cause,"
        "  reason, detail, at, times)"
        " SELECT DISTINCT ON (g.id, g.context_id) %(program)s, g.id, g.context_id, g.fields,"
        "  %(cause)s::jsonb || g.cause, %(reason)s, '', %(now)s, 1"
        f" FROM ({given}) g JOIN customers_{subject} s ON s.id = g.id"
        " ORDER BY g.id, g.context_id, g.place DESC"
        " ON CONFLICT (program_id, person_id, company_id, reason, context_id)"
        " DO UPDATE SET times = journeys_refusal.times + 1, at = excluded.at,"
        "  fields = excluded.fields, cause = excluded.cause",
        {**params, "program": program.pk, "reason": reason, "now": now, "context": "",
         "cause": json.dumps(dict(cause))},
    )  # fmt: skip


def take_held(program: Program, entry: Entry) -> list[Candidate]:
    """Forget the next ones who were held back, at most HELD_AT_ONCE; those of them whom an event
    brought, and those that are in a source of the program still."""
    found = sql.rows(
        # ARRAY: asked once. A join may ask a locking LIMIT anew for each row, and take them all.
        "WITH held AS (DELETE FROM journeys_refusal WHERE id = ANY(ARRAY"
        "  (SELECT id FROM journeys_refusal WHERE program_id = %s AND reason = 'paused'"
        "   ORDER BY id LIMIT %s FOR UPDATE))"
        "  RETURNING coalesce(person_id, company_id) AS id, context_id, fields, cause)"
        " SELECT id, context_id, fields, cause FROM held WHERE cause ? 'event' OR EXISTS"
        "  (SELECT 1 FROM segments_member m"
        "   WHERE m.segment_id = ANY(%s) AND m.subject_id = held.id) ORDER BY id, context_id",
        [program.pk, HELD_AT_ONCE, list(entry.segments)],
    )
    return [
        Candidate(pk, context_id, json.loads(fields), json.loads(cause))
        for pk, context_id, fields, cause in found
    ]

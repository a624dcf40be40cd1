"""From one program into another, and out of others: what steps ask for, set-based."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from csplatform.freshness.touches import MAX_DEPTH
from csplatform.kit import sql
from journeys.engine.candidates import entry_of
from journeys.engine.entry import enter
from journeys.engine.held import refuse
from journeys.engine.versions import load_versions
from journeys.models import Program
from journeys.operations.removal import remove_rows

GONE, OTHER_TYPE = "program_gone", "other_type"
CLOSED, CIRCLE = "closed", "circle"


def let_in(
    program_id: int,
    subject: str,
    subject_ids: Sequence[int],
    *,
    now: datetime,
    cause: Mapping[str, Any],
    depth: int,
) -> dict[int, str]:
    """Let subjects into another program as if they had come by themselves: its entry rules count.

    Args:
        depth: how many programs have let each other in before; too many are a circle and stop.

    The reason why each one stays out by id, "" for who entered. Refusals stand in the list of that
    program. Runs inside the engine's transaction, which has locked subjects and program.
    """
    sql.rows("SELECT id FROM journeys_program WHERE id = %s FOR SHARE", [program_id])
    program = Program.objects.select_related("published").filter(pk=program_id).first()
    if program is None or program.type != subject:
        return dict.fromkeys(subject_ids, OTHER_TYPE if program else GONE)
    closed = not program.takes_in or program.published is None
    version = None
    if program.published is not None and not closed:
        version = load_versions([program.published.pk]).get(program.published.pk)
    if depth > MAX_DEPTH or version is None or program.published is None:
        reason = CIRCLE if depth > MAX_DEPTH else CLOSED
        refuse(program, subject, subject_ids, now=now, cause=cause, reason=reason)
        return dict.fromkeys(subject_ids, reason)
    enter(
        program, version, entry_of(program.published), subject_ids,
        now=now, cause=cause, depth=depth,
    )  # fmt: skip
    return _became(program_id, subject, subject_ids, now)


def _became(
    program_id: int, subject: str, subject_ids: Sequence[int], now: datetime
) -> dict[int, str]:
    """Who is inside since now, and why the others are not."""
    params = [program_id, list(subject_ids), now]
    entered = sql.rows(
        f"SELECT {subject}_id FROM journeys_participant WHERE program_id = %s"
        f" AND {subject}_id = ANY(%s) AND entered_at = %s",
        params,
    )
    refused = sql.rows(
        f"SELECT {subject}_id, reason FROM journeys_refusal WHERE program_id = %s"
        f" AND {subject}_id = ANY(%s) AND at = %s",
        params,
    )
    reasons = dict(refused) | {row[0]: "" for row in entered}
    return {subject_id: reasons.get(subject_id, "already_in") for subject_id in subject_ids}


def take_out(
    subject: str, subject_ids: Sequence[int], *, of: int | None, by: Program
) -> dict[int, list[int]]:
    """End the runs of subjects in a program, or in all but `by`: by id, the programs that they
    were taken out of. Runs inside the engine's transaction."""
    which = "program_id = %(of)s" if of is not None else "program_id <> %(own)s"
    condition = f"{subject}_id = ANY(%(ids)s) AND {which} AND program_id <> %(own)s"
    params = {"ids": list(subject_ids), "of": of, "own": by.pk}
    rows = sql.rows(
        f"SELECT {subject}_id, program_id FROM journeys_participant WHERE ended_at IS NULL"
        f" AND {condition} ORDER BY id FOR UPDATE",
        params,
    )
    if rows:
        remove_rows(condition, params, f"Taken out by the program “{by.name}”")
    found: dict[int, list[int]] = {}
    for subject_id, program_id in rows:
        found.setdefault(subject_id, []).append(program_id)
    return found

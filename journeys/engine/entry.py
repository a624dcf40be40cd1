"""Letting people in: one statement for a set, with a reason for everybody who stays out."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from csplatform.kit import sql
from csplatform.kit.jobs import wake_on_commit
from journeys.engine.candidates import (
    SILENT,
    Candidate,
    Entry,
    candidates_sql,
    given_sql,
    ids_of,
    requirements_of,
)
from journeys.engine.telling import tell_subjects
from journeys.engine.unenrolling import lock_subjects_of, unenrol_elsewhere
from journeys.engine.versions import CompiledVersion
from journeys.models import Program
from journeys.models.participant import Lane

# Above this many newcomers at once the bulk lane takes them, so that single clicks go first.
BULK_FROM = 200


@dataclass(frozen=True)
class EntryResult:
    """How many entered, and how many were refused by reason."""

    entered: int
    refused: Mapping[str, int]


# `c` are the candidates with their reasons; the parts in braces come from code.
_ENTER = """
WITH c AS MATERIALIZED ({candidates}),
entered AS (
    INSERT INTO journeys_participant
        (program_id, version_id, {column}, at_company_id, context_id, fields, unique_key, control,
         state, lane, step_id, phase, due_at, visit, refs, step_since, entered_at, end_reason,
         deaths, cause, depth, wait_local, wait_zone)
    SELECT %(program)s, %(version)s, c.id, c.at_company, c.context_id, {fields}, c.unique_key,
        c.control, 'active', %(lane)s, CASE WHEN c.control = '' THEN %(step)s END,
        CASE WHEN c.control = '' THEN 'run' ELSE 'waiting' END,
        CASE WHEN c.control = '' THEN %(now)s ELSE %(watched_until)s END, 0, '{}', %(now)s,
        %(now)s, '', 0, {cause}, %(depth)s, '', ''
    FROM c WHERE c.reason IS NULL ORDER BY c.id, c.place
    ON CONFLICT DO NOTHING RETURNING id, {column} AS subject_id, context_id, control, cause),
logged AS (
    INSERT INTO journeys_transition (participant_id, program_id, version_id, amendment, to_step_id,
        visit, kind, exit, evidence, occurred_at, recorded_at)
    SELECT e.id, %(program)s, %(version)s, %(amendment)s,
        CASE WHEN e.control = '' THEN %(step)s END, 0, 'enter', '',
        CASE WHEN e.control = '' THEN {told_cause}
             ELSE {told_cause} || jsonb_build_object('held_out', e.control) END,
        %(now)s, clock_timestamp()
    FROM entered e),
told AS ({told}),
refused AS (
    INSERT INTO journeys_refusal
        (program_id, {column}, context_id, fields, cause, reason, detail, at, times)
    SELECT DISTINCT ON (t.id, t.reason, t.context_id) %(program)s, t.id, t.context_id, t.fields,
        %(cause)s::jsonb || t.cause, t.reason, '', %(now)s, 1
    FROM told t WHERE t.reason <> ALL (%(silent)s)
    ORDER BY t.id, t.reason, t.context_id, t.place
    ON CONFLICT (program_id, person_id, company_id, reason, context_id)
    DO UPDATE SET times = journeys_refusal.times + 1, at = excluded.at, fields = excluded.fields,
        cause = excluded.cause)
SELECT t.reason, count(*), NULL::bigint[] FROM told t GROUP BY 1
UNION ALL SELECT NULL, count(*), {treated} FROM entered
"""
_REFUSED = "SELECT * FROM c WHERE c.reason IS NOT NULL"
# Who met another one with the same key, of this statement or of one that ran beside it.
_OVERTAKEN = """
SELECT c.* FROM c WHERE c.reason IS NOT NULL
UNION ALL SELECT c.id, c.place, c.at_company, c.context_id, c.fields, c.cause, c.control,
    c.unique_key, 'not_unique' FROM c
WHERE c.reason IS NULL AND c.unique_key IS NOT NULL AND NOT EXISTS (SELECT 1 FROM entered e
    WHERE e.subject_id = c.id AND e.context_id = c.context_id)
"""


def enter(
    program: Program,
    version: CompiledVersion,
    entry: Entry,
    candidates: Sequence[int | Candidate],
    *,
    now: datetime,
    cause: Mapping[str, Any],
    depth: int = 0,
    context_id: str = "",
    actor_id: int | None = None,
    joined: bool = False,
) -> EntryResult:
    """Let subjects in at the first step, in one statement, and write why others stay out.

    Must run inside a transaction, with the program's row locked. Twice is once: the active run and
    the unique key are constraints. Who is held out enters too, at no step. Where entering takes
    people out of other programs, that happens here.

    Args:
        candidates: ids, or Candidates where they come with something.
        context_id: of those who bring none of their own.
        joined: they come as members of a source (see candidates_sql).
    """
    if not candidates or version.first is None:
        return EntryResult(0, {})
    wanted = ids_of(candidates)
    unenrols = entry.leaving.unenrol != "none"
    # Who is being merged away just now is waited for, and refused by the statement below.
    lock_subjects_of(version.subject, wanted, alone=unenrols)
    given, params = given_sql(candidates)
    bare = "ids" in params
    lane = Lane.BULK if len(wanted) > BULK_FROM else Lane.LIVE
    parts = {
        "{candidates}": candidates_sql(
            version.subject, entry, requirements_of(version), given, joined=joined
        ),
        "{told}": _OVERTAKEN if entry.config.makes_keys else _REFUSED,
        "{column}": f"{version.subject}_id",
        # bare ids bring nothing: a hundred thousand values fewer to build
        "{fields}": "'{}'::jsonb" if bare else "c.fields",
        "{cause}": "%(cause)s::jsonb" if bare else "%(cause)s::jsonb || c.cause",
        "{told_cause}": "%(cause)s::jsonb" if bare else "e.cause",
        "{treated}": "array_agg(subject_id) FILTER (WHERE control = '')"
        if unenrols
        else "NULL::bigint[]",
    }  # fmt: skip
    statement = _ENTER
    for name, part in parts.items():
        statement = statement.replace(name, part)
    found = sql.rows(
        statement,
        {
            **params,
            "program": program.pk,
            "version": version.id,
            "context": context_id,
            "lane": int(lane),
            "step": version.steps[version.first].id,
            "now": now,
            "watched_until": now + timedelta(days=entry.control.days),
            "cause": json.dumps({**cause, "by": actor_id}),
            "depth": depth,
            "amendment": version.amendment,
            "silent": list(SILENT),
        },
    )
    entered = sum(count for reason, count, _ in found if reason is None)
    if entered:
        tell_subjects(program.pk, version.subject, wanted)
        wake_on_commit("bulk" if lane == Lane.BULK else "live")
    treated = [pk for reason, _, ids in found if reason is None for pk in ids or ()]
    if treated:
        unenrol_elsewhere(program, treated, entry.leaving, now=now, actor_id=actor_id)
    return EntryResult(entered, {reason: count for reason, count, _ in found if reason})

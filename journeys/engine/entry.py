"""Who gets in: set-based, with a reason for everybody who does not (PRG-20 to 24)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from csplatform.kit import sql
from csplatform.kit.jobs import wake_on_commit
from csplatform.kit.schema import parse_config
from journeys.engine.telling import tell_subjects
from journeys.engine.versions import CompiledVersion
from journeys.flow.entry import EntryConfig
from journeys.models import Program, ProgramVersion
from journeys.models.participant import Lane
from journeys.steps.kind import Requirement

# Above this many newcomers at once the bulk lane takes them, so that single clicks go first.
BULK_FROM = 200

REASONS = {
    "gone": "Was merged or erased.",
    "already_in": "Is in this program already.",
    "duplicate": "Was in this program before, and it takes nobody twice.",
    "churned": "The company has churned.",
    "closed": "Was handed over by another program while this one took nobody in.",
    "circle": "Programs let each other in again and again: stopped.",
    "paused": "Came while the program took nobody in; looked at again when it goes on.",
}
# Came while the program was paused, quarantined or closed: looked at again when it goes on.
HELD = "paused"
HELD_AT_ONCE = 2_000
# Not worth a line in the list of refusals: nothing was missed.
SILENT = ("already_in", "gone")


@dataclass(frozen=True)
class EntryResult:
    """How many entered, and how many were refused by reason."""

    entered: int
    refused: Mapping[str, int]


def requirements_of(version: CompiledVersion) -> list[Requirement]:
    """What the steps of a version ask of their subjects, each condition once."""
    found: dict[str, Requirement] = {}
    for view in version.steps.values():
        for requirement in view.kind.requires(view.config):
            if requirement.subject == version.subject:
                found.setdefault(requirement.condition, requirement)
    return list(found.values())


def sentence_of(reason: str, requirements: Sequence[Requirement]) -> str:
    """A refusal's reason for the screen."""
    own = {requirement.reason: requirement.sentence for requirement in requirements}
    return own.get(reason) or REASONS.get(reason) or reason


def candidates_sql(subject: str, entry: EntryConfig, requirements: Sequence[Requirement]) -> str:
    """SELECT id, at_company, reason for the ids in %(ids)s; reason null may enter.

    Identifiers and requirement conditions come from code; %(program)s and %(context)s are bound.
    """
    column = f"{subject}_id"
    gone = "s.merged_into_id IS NOT NULL"
    if subject == "person":
        table, company = "customers_person", "m.company_id"
        joins = (
            " LEFT JOIN customers_membership m ON m.person_id = s.id AND m.is_primary"
            " LEFT JOIN customers_company c ON c.id = m.company_id"
        )
        gone += " OR s.erased_at IS NOT NULL"
    else:
        table, company = "customers_company", "NULL::bigint"
        joins = " LEFT JOIN customers_company c ON c.id = s.id"
    whens = [
        (gone, "gone"),
        (_earlier_run(column, "AND r.ended_at IS NULL"), "already_in"),
    ]
    if entry.re_enrolment == "never":
        whens.append((_earlier_run(column, ""), "duplicate"))
    if not entry.include_churned:
        whens.append(("c.status = 'churned'", "churned"))
    whens += [(f"NOT ({r.condition})", r.reason) for r in requirements]
    cases = " ".join(f"WHEN {condition} THEN '{reason}'" for condition, reason in whens)
    return (
        f"SELECT s.id, {company} AS at_company, CASE {cases} END AS reason"
        f" FROM {table} s{joins} WHERE s.id = ANY(%(ids)s)"
    )


def _earlier_run(column: str, more: str) -> str:
    return (
        f"EXISTS (SELECT 1 FROM journeys_participant r WHERE r.{column} = s.id"
        f" AND r.program_id = %(program)s AND r.context_id = %(context)s {more})"
    )


def entry_config(version: ProgramVersion) -> EntryConfig:
    """The entry part of a published version."""
    return parse_config(EntryConfig, version.document.get("entry", {}), "/entry")


def enter(
    program: Program,
    version: CompiledVersion,
    entry: EntryConfig,
    subject_ids: Sequence[int],
    *,
    now: datetime,
    cause: Mapping[str, Any],
    depth: int = 0,
    context_id: str = "",
    actor_id: int | None = None,
) -> EntryResult:
    """Let subjects in at the first step, in one statement, and write why others stay out.

    Must run inside a transaction. Twice is once: the active run is unique by constraint.
    """
    if not subject_ids or version.first is None:
        return EntryResult(0, {})
    requirements = requirements_of(version)
    lane = Lane.BULK if len(subject_ids) > BULK_FROM else Lane.LIVE
    column = f"{version.subject}_id"
    wanted = sorted(set(subject_ids))
    # Who is being merged away just now is waited for, and refused by the statement below.
    sql.run(
        f"SELECT id FROM customers_{version.subject} WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE",
        [wanted],
    )
    found = sql.rows(
        f"WITH c AS ({candidates_sql(version.subject, entry, requirements)}),"
        " entered AS (INSERT INTO journeys_participant"
        f" (program_id, version_id, {column}, at_company_id, context_id, state, lane, step_id,"
        "  phase, due_at, visit, refs, step_since, entered_at, end_reason, deaths, cause, depth,"
        "  wait_local, wait_zone)"
        " SELECT %(program)s, %(version)s, c.id, c.at_company, %(context)s, 'active', %(lane)s,"
        "  %(step)s, 'run', %(now)s, 0, '{}', %(now)s, %(now)s, '', 0, %(cause)s::jsonb, %(depth)s,"
        "  '', '' FROM c WHERE c.reason IS NULL ORDER BY c.id"
        f" ON CONFLICT DO NOTHING RETURNING id, {column} AS subject_id),"
        " logged AS (INSERT INTO journeys_transition (participant_id, program_id, version_id,"
        "  amendment, to_step_id, visit, kind, exit, evidence, occurred_at, recorded_at)"
        " SELECT e.id, %(program)s, %(version)s, %(amendment)s, %(step)s, 0, 'enter', '',"
        "  %(cause)s::jsonb, %(now)s, clock_timestamp() FROM entered e),"
        f" refused AS (INSERT INTO journeys_refusal (program_id, {column}, reason, detail, at,"
        "  times) SELECT %(program)s, c.id, c.reason, '', %(now)s, 1 FROM c"
        "  WHERE c.reason IS NOT NULL AND c.reason <> ALL (%(silent)s) ORDER BY c.id"
        " ON CONFLICT (program_id, person_id, company_id, reason)"
        "  DO UPDATE SET times = journeys_refusal.times + 1, at = excluded.at)"
        " SELECT c.reason, count(*) FROM c WHERE c.reason IS NOT NULL GROUP BY 1"
        " UNION ALL SELECT NULL, count(*) FROM entered",
        {
            "ids": wanted,
            "program": program.pk,
            "version": version.id,
            "context": context_id,
            "lane": int(lane),
            "step": version.steps[version.first].id,
            "now": now,
            "cause": json.dumps({**cause, "by": actor_id}),
            "depth": depth,
            "amendment": version.amendment,
            "silent": list(SILENT),
        },
    )
    entered = sum(count for reason, count in found if reason is None)
    if entered:
        tell_subjects(program.pk, version.subject, wanted)
        wake_on_commit("bulk" if lane == Lane.BULK else "live")
    return EntryResult(entered, {reason: count for reason, count in found if reason})


def hold_back(program: Program, subject: str, subject_ids: Sequence[int], *, now: datetime) -> None:
    """Remember who came while the program stands still: in the list of refusals, for all to see."""
    refuse(program, subject, subject_ids, now=now, reason=HELD)


def refuse(
    program: Program, subject: str, subject_ids: Sequence[int], *, now: datetime, reason: str
) -> None:
    """Write into the list of refusals why these do not get in."""
    sql.run(
        f"INSERT INTO journeys_refusal (program_id, {subject}_id, reason, detail, at, times)"
        f" SELECT %s, id, %s, '', %s, 1 FROM customers_{subject} WHERE id = ANY(%s) ORDER BY id"
        " ON CONFLICT (program_id, person_id, company_id, reason)"
        " DO UPDATE SET times = journeys_refusal.times + 1, at = excluded.at",
        [program.pk, reason, now, list(subject_ids)],
    )


def take_held(program: Program, entry: EntryConfig) -> list[int]:
    """Forget the next ones who were held back, at most HELD_AT_ONCE; those of them that are in a
    source of the program still."""
    found = sql.rows(
        "WITH held AS (DELETE FROM journeys_refusal WHERE id IN"
        "  (SELECT id FROM journeys_refusal WHERE program_id = %s AND reason = 'paused'"
        "   ORDER BY id LIMIT %s FOR UPDATE)"
        "  RETURNING coalesce(person_id, company_id) AS id)"
        " SELECT id FROM held WHERE EXISTS (SELECT 1 FROM segments_member m"
        "  WHERE m.segment_id = ANY(%s) AND m.subject_id = held.id) ORDER BY id",
        [program.pk, HELD_AT_ONCE, [source.segment for source in entry.sources]],
    )
    return [row[0] for row in found]

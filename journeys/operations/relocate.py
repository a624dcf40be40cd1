"""Stay, move or end: what becomes of those who wait when a new version is published (PRG-42)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from csplatform.kit import audit, sql
from csplatform.kit.clock import database_now
from csplatform.kit.errors import Conflict, DomainError, Problem
from csplatform.kit.jobs import wake_on_commit
from csplatform.kit.permissions import require
from journeys.engine.entry import BULK_FROM
from journeys.engine.telling import tell_where
from journeys.flow.document import Flow, walk
from journeys.flow.parse import parse_flow
from journeys.models import Program, ProgramStateChange, ProgramVersion, Relocation, Step
from journeys.models.participant import Lane
from journeys.models.program import ProgramState
from journeys.operations.removal import remove_rows

CHUNK = 5_000
STAY, MOVE, END = "stay", "move", "end"
CHOICES = (STAY, MOVE, END)
MOST = 500

# step key -> {"do": "stay" | "move" | "end", "to": key of a step of the new version}
Choices = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Standing:
    """Those who stand at one step of earlier versions.

    Attributes:
        kept: the step is in the new flow too.
    """

    key: str
    name: str
    kind: str
    count: int
    kept: bool


def standing(program: Program, flow: Flow, *, target: int | None = None) -> tuple[Standing, ...]:
    """Who stands where, most first, against a flow that is to be in force. One query.

    `target`: the version of that flow, when it is published already: who is on it does not count.
    """
    rows = sql.rows(
        "SELECT s.key, (array_agg(s.name ORDER BY s.id DESC))[1],"
        " (array_agg(s.kind ORDER BY s.id DESC))[1], sum(p.n)::bigint FROM"
        " (SELECT step_id, count(*) AS n FROM journeys_participant WHERE program_id = %s"
        "  AND ended_at IS NULL AND version_id IS DISTINCT FROM %s GROUP BY 1) p"
        " JOIN journeys_step s ON s.id = p.step_id GROUP BY 1 ORDER BY 4 DESC, 1",
        [program.pk, target],
    )
    there = {place.step.key for place in walk(flow)}
    return tuple(Standing(key, name, kind, n, key in there) for key, name, kind, n in rows)


def checked_choices(choices: Any, flow: Flow, path: str = "/moves") -> dict[str, str | None]:
    """Step key -> key to go on with, or None to end; those who stay are left out.

    Raises DomainError with a path per wrong choice.
    """
    if not isinstance(choices, Mapping) or len(choices) > MOST:
        message = "Expected an object: step key to what becomes of those who stand there."
        raise DomainError(message, path=path, code="type")
    there = {place.step.key for place in walk(flow)}
    found: dict[str, str | None] = {}
    problems = []
    for key, choice in choices.items():
        here = f"{path}/{key}"
        do = choice.get("do") if isinstance(choice, Mapping) else None
        if do not in CHOICES:
            problems.append(Problem(f"{here}/do", "Choose stay, move or end.", "choice"))
        elif do == END:
            found[key] = None
        elif do == MOVE:
            to = choice.get("to") or key
            if isinstance(to, str) and to in there:
                found[key] = to
            else:
                message = "The new version has no such step; choose where they go on."
                problems.append(Problem(f"{here}/to", message, "unknown"))
    if problems:
        raise DomainError(problems)
    return found


def start_relocations(
    program: Program, version: ProgramVersion, choices: Choices, *, now: datetime, actor: Any
) -> list[Relocation]:
    """Note who is to go where; the bulk lane does it. Inside the caller's transaction, which has
    locked the program. What was decided before about the same steps, and what leads to versions
    of old, is overtaken."""
    flow = parse_flow(version.document)
    wanted = checked_choices(choices, flow)
    program.relocations.filter(
        Q(step_key__in=list(wanted)) | ~Q(version=version), done_at=None
    ).update(done_at=now)
    if not wanted:
        return []
    counts = {row.key: row.count for row in standing(program, flow, target=version.pk)}
    steps = {step.key: step for step in version.steps.all()}
    made = [
        Relocation(
            program=program, version=version, step_key=key, to_step=steps[to] if to else None,
            expected=counts[key], started_at=now, started_by=actor,
        )
        for key, to in wanted.items()
        if key in counts
    ]  # fmt: skip
    Relocation.objects.bulk_create(made)
    wake_on_commit("bulk")
    return made


def relocate(program_id: int, choices: Choices, *, actor: Any) -> list[Relocation]:
    """Take those who are on earlier versions to the published one, as chosen per step.

    Raises DomainError for wrong choices, Conflict when the program is not active.
    """
    require(actor, "journeys.publish_program")
    with transaction.atomic():
        program = Program.objects.select_for_update(no_key=True).get(pk=program_id)
        if program.state != ProgramState.ACTIVE or program.published is None:
            state = program.get_state_display().lower()
            raise Conflict(f"Nobody can be moved in a {state} program.", code="state")
        made = start_relocations(
            program, program.published, choices, now=database_now(), actor=actor
        )
        if not made:
            raise Conflict("Nobody stands where you chose something else than to stay.")
        audit.record(actor, "program.relocate", program, after=described(made))
    return made


def described(made: Iterable[Relocation]) -> dict[str, Any]:
    """What an audit entry says about relocations."""
    return {row.step_key: row.to_step.key if row.to_step else END for row in made}


# --- the bulk lane ----------------------------------------------------------------------------


def relocation_pending() -> bool:
    """Whether anybody is still to be taken to a new version."""
    return _open().exists()


def _open() -> QuerySet[Relocation]:
    """Those that can go on; of a paused or quarantined program they wait and hold up no other."""
    return Relocation.objects.filter(
        done_at=None, program__state=ProgramState.ACTIVE, program__quarantine=""
    )


def relocate_chunk() -> int:
    """Take the next ones of one open relocation to their place; a commit per chunk.

    Returns how many were looked at (1 for one that was only finished); 0: none is open.
    """
    with transaction.atomic():
        found = _open().order_by("pk").values_list("pk", "program_id").first()
        if found is None:
            return 0
        # Programs before what belongs to them: stopping and publishing close relocations.
        state = Program.objects.select_for_update(no_key=True).get(pk=found[1]).state
        rows = Relocation.objects.select_for_update(of=("self",)).select_related("version")
        row = rows.filter(pk=found[0], done_at=None).first()
        if row is None or state != ProgramState.ACTIVE:
            return 1  # changed since it was chosen
        now = database_now()
        ids = _next_ids(row, now)
        if ids and row.to_step:
            _move(row, row.to_step, ids, now)
        elif ids:
            remove_rows("id = ANY(%(ids)s)", {"ids": ids}, _ended_because(row))
        row.taken += len(ids)
        row.after_id = ids[-1] if ids else row.after_id
        if len(ids) < CHUNK:
            row.done_at = now
        row.save(update_fields=["taken", "after_id", "done_at"])
    return len(ids) or 1


def _next_ids(row: Relocation, now: datetime) -> list[int]:
    """Lock the next ones who still stand there; who is in a worker's hand is waited for. Whose
    time has come goes on by the version that they waited for."""
    steps = Step.objects.filter(version__program=row.program_id, key=row.step_key)
    old = steps.filter(version__number__lt=row.version.number)
    found = sql.rows(
        "SELECT id FROM journeys_participant WHERE step_id = ANY(%s) AND ended_at IS NULL"
        " AND state = 'active' AND id > %s AND (phase = 'run' OR coalesce(limit_at, due_at) > %s)"
        " ORDER BY id LIMIT %s FOR UPDATE",
        [list(old.values_list("pk", flat=True)), row.after_id, now, CHUNK],
    )
    return [found_row[0] for found_row in found]


def _ended_because(row: Relocation) -> str:
    return f"Ended by version {row.version.number}"


def _move(row: Relocation, to: Step, ids: list[int], now: datetime) -> None:
    """They run the step of the new version as another visit. At the same step a wait counts from
    when they came to it, lengthened by the pauses since then."""
    same = to.key == row.step_key
    pauses = _pauses(row.program_id) if same else []
    sql.run(
        "WITH old AS MATERIALIZED (SELECT p.id, p.step_id, p.version_id, p.step_since, p.phase"
        "  FROM journeys_participant p WHERE p.id = ANY(%(ids)s)),"
        " moved AS (UPDATE journeys_participant p SET version_id = %(version)s,"
        "  step_id = %(step)s, phase = 'run', due_at = %(now)s, limit_at = NULL,"
        "  remaining = NULL, wait_local = '', wait_zone = '', visit = p.visit + 1, deaths = 0,"
        "  lane = %(lane)s, step_since = CASE WHEN %(same)s THEN o.step_since + coalesce("
        "   (SELECT sum(w.until - greatest(w.since, o.step_since))"
        "    FROM unnest(%(since)s::timestamptz[], %(until)s::timestamptz[]) AS w (since, until)"
        "    WHERE w.until > o.step_since), interval '0') ELSE %(now)s END"
        "  FROM old o WHERE p.id = o.id"
        "  RETURNING p.id, p.program_id, p.visit, o.step_id AS old_step),"
        " quiet AS (DELETE FROM journeys_wait WHERE participant_id = ANY(%(ids)s)"
        "  AND closed_at IS NULL)"
        " INSERT INTO journeys_transition (participant_id, program_id, version_id, amendment,"
        "  step_id, to_step_id, visit, kind, exit, evidence, occurred_at, recorded_at)"
        " SELECT id, program_id, %(version)s, 0, old_step, %(step)s, visit, 'move', %(exit)s,"
        "  jsonb_build_object('by', %(by)s::bigint), %(now)s, clock_timestamp() FROM moved",
        {
            "ids": ids, "version": row.version_id, "step": to.pk, "now": now, "same": same,
            "lane": int(Lane.BULK if row.expected > BULK_FROM else Lane.LIVE),
            "since": [since for since, _ in pauses], "until": [until for _, until in pauses],
            "exit": "" if same else "moved", "by": row.started_by_id,
        },
    )  # fmt: skip
    tell_where("id = ANY(%(ids)s)", {"ids": ids})
    wake_on_commit("bulk" if row.expected > BULK_FROM else "live")


def _pauses(program_id: int) -> list[tuple[datetime, datetime]]:
    """When the program stood still, ended pauses only."""
    changes = ProgramStateChange.objects.filter(program=program_id).order_by("id")
    found, since = [], None
    for new, at in changes.values_list("new", "at"):
        if new == ProgramState.PAUSED:
            since = since or at
        elif since is not None:
            found.append((since, at))
            since = None
    return found

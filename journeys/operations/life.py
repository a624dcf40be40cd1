"""Pause, resume, stop (PRG-45). Entries off and on: journeys.operations.entries."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from csplatform.freshness.touches import touch
from csplatform.kit import audit, sql
from csplatform.kit.clock import database_now
from csplatform.kit.errors import Conflict
from csplatform.kit.jobs import wake_on_commit
from csplatform.kit.permissions import require
from csplatform.segments.operations.definition import drop_owned
from journeys.emails.operations import release_postponed
from journeys.engine.candidates import entry_of
from journeys.engine.entry import enter
from journeys.engine.held import take_held
from journeys.engine.reactions import resumed_key
from journeys.engine.versions import load_versions, readable_steps
from journeys.models import Program, Refusal
from journeys.models.program import LifeEvent, ProgramState
from journeys.operations.own_segments import files_of, owner_of
from journeys.operations.publish import forget_plan, record_state
from journeys.operations.removal import remove_rows

STOPPABLE = (
    ProgramState.SCHEDULED, ProgramState.ACTIVE, ProgramState.PAUSED, ProgramState.COMPLETED,
)  # fmt: skip


def locked(program_id: int, *, allowed: tuple[str, ...], verb: str) -> Program:
    """The program's row, locked. Raises Conflict when its state is none of `allowed`."""
    program = Program.objects.select_for_update(no_key=True).get(pk=program_id)
    if program.state not in allowed:
        state = program.get_state_display().lower()
        raise Conflict(f"A {state} program cannot be {verb}.", code="state")
    return program


def pause_program(program_id: int, *, actor: Any, reason: str = "") -> int:
    """Freeze everybody at their wait; who is in the middle of a step freezes at the next one.

    Returns how many froze at once. Events go on being recorded.
    """
    require(actor, "journeys.publish_program")
    with transaction.atomic():
        program = locked(program_id, allowed=(ProgramState.ACTIVE,), verb="paused")
        now = database_now()
        frozen = freeze(program, now)
        program.save(update_fields=["state", "paused_at", "updated_at"])
        record_state(program, ProgramState.ACTIVE, now, actor, reason, what=LifeEvent.PAUSED)
        audit.record(actor, "program.pause", program, after={"reason": reason, "frozen": frozen})
    return frozen


def freeze(program: Program, now: datetime) -> int:
    """Make a locked program paused (the caller saves it); how many stand still at once."""
    program.state, program.paused_at = ProgramState.PAUSED, now
    return sql.run(
        # all are locked before their phase is judged: who is in a worker's hand is waited for
        "WITH inside AS MATERIALIZED (SELECT id, phase FROM journeys_participant"
        "  WHERE program_id = %(program)s AND state = 'active' ORDER BY id FOR UPDATE)"
        " UPDATE journeys_participant p SET state = 'paused', due_at = NULL,"
        # a wait that is being armed is due at once; what is left of it is up to its limit
        " remaining = greatest(coalesce(limit_at, due_at, %(now)s) - %(now)s, interval '0')"
        " FROM inside WHERE p.id = inside.id AND inside.phase <> 'run'",
        {"now": now, "program": program.pk},
    )


def resume_program(program_id: int, *, actor: Any, reason: str = "") -> int:
    """Let everybody go on: spans are lengthened by the pause, dates are not, and what happened
    during the pause is looked at before any limit is judged. Returns how many."""
    require(actor, "journeys.publish_program")
    with transaction.atomic():
        program = locked(program_id, allowed=(ProgramState.PAUSED,), verb="resumed")
        now = database_now()
        program.state, program.paused_at = ProgramState.ACTIVE, None
        program.save(update_fields=["state", "paused_at", "updated_at"])
        resumed = thaw(program, now)
        record_state(program, ProgramState.PAUSED, now, actor, reason, what=LifeEvent.RESUMED)
        audit.record(actor, "program.resume", program, after={"reason": reason, "resumed": resumed})
    return resumed


def thaw(program: Program, now: datetime) -> int:
    """Everybody of a program that is active again goes on, who was held back gets in, mails
    that waited leave. How many went on."""
    thawed = sql.rows(
        "UPDATE journeys_participant p SET state = 'active', remaining = NULL,"
        # a wait that listens looks at history first, with its limit pushed by what was left;
        # one for a date looks at the date again, which may have been moved
        " phase = CASE WHEN l.looks THEN 'arming' ELSE p.phase END,"
        " limit_at = CASE WHEN l.looks AND p.wait_local = '' THEN %(now)s + p.remaining"
        "  ELSE p.limit_at END,"
        " due_at = CASE WHEN l.looks THEN %(now)s ELSE %(now)s"
        "  + coalesce(p.remaining, interval '0') END"
        " FROM (SELECT id, limit_at IS NOT NULL AS looks"
        "  FROM journeys_participant WHERE program_id = %(program)s AND state = 'paused'"
        "  ORDER BY id FOR UPDATE) l WHERE p.id = l.id"
        " RETURNING p.version_id, coalesce(p.person_id, p.company_id)",
        {"now": now, "program": program.pk},
    )
    _catch_up(program, thawed, now)
    release_postponed(program.pk)  # mails that were held back leave now
    for lane in ("live", "bulk"):
        wake_on_commit(lane)
    return len(thawed)


def _catch_up(program: Program, thawed: list[tuple], now: datetime) -> None:
    """What nobody watched during the pause: goals and exits of who is inside, and who came."""
    published_id = program.published_id or 0  # a paused program has one
    versions = load_versions({version_id for version_id, _ in thawed} | {published_id})
    watching = {v.id for v in versions.values() if v.goal is not None or v.exit_rules}
    subjects = [subject_id for version_id, subject_id in thawed if version_id in watching]
    touch(program.subject, subjects, [resumed_key(program.pk)])
    let_in_held(program, now)


def let_in_held(program: Program, now: datetime) -> None:
    """The first of those who came while the program stood still or took nobody in, unless it
    still does; the bulk lane lets in the others (`let_in_chunk`)."""
    if program.published is None or program.state != ProgramState.ACTIVE or program.quarantine:
        return
    if not program.accepts_entries:
        return
    version = load_versions([program.published.pk]).get(program.published.pk)
    if version is None:
        return
    entry = entry_of(program.published)
    held = take_held(program, entry)
    enter(program, version, entry, held, now=now, cause={"how": "came while it stood still"})
    wake_on_commit("bulk")


def _with_held() -> QuerySet[Refusal]:
    """Those held back by programs that take people in again."""
    return Refusal.objects.filter(
        reason="paused", program__state=ProgramState.ACTIVE, program__accepts_entries=True,
        program__quarantine="",
    )  # fmt: skip


def held_pending() -> bool:
    """Whether anybody who was held back can get in now."""
    return _with_held().exists()


def let_in_chunk() -> int:
    """Let in the next of those who were held back by one program; its own commit (bulk lane)."""
    with transaction.atomic():
        program_id = _with_held().order_by("program").values_list("program", flat=True).first()
        if program_id is None:
            return 0
        rows = Program.objects.select_for_update(of=("self",), no_key=True)
        let_in_held(rows.select_related("published").get(pk=program_id), database_now())
    return 1


def lift_quarantines() -> int:
    """Let programs go on whose versions can be read again. Returns how many (periodic chore).

    Events and facts that came meanwhile were not looked at: waits are armed anew, goals and exits
    of everybody inside are checked.
    """
    lifted = 0
    for program_id in Program.objects.exclude(quarantine="").values_list("pk", flat=True):
        with transaction.atomic():
            program = Program.objects.select_for_update(no_key=True).get(pk=program_id)
            lifted += _lift(program)
    return lifted


def _lift(program: Program) -> bool:
    needed = {
        row[0]
        for row in sql.rows(
            "SELECT DISTINCT version_id FROM journeys_participant"
            " WHERE program_id = %s AND ended_at IS NULL",
            [program.pk],
        )
    }
    needed |= {program.published_id} if program.published_id else set()
    if len(load_versions(needed)) < len(needed):
        return False
    program.quarantine = ""
    program.save(update_fields=["quarantine", "updated_at"])
    now = database_now()
    inside = sql.rows(
        "UPDATE journeys_participant p SET"
        " phase = CASE WHEN l.looks THEN 'arming' ELSE p.phase END,"
        " due_at = CASE WHEN l.looks THEN %(now)s ELSE p.due_at END"
        " FROM (SELECT id, phase = 'waiting' AND limit_at IS NOT NULL AS looks"
        "  FROM journeys_participant WHERE program_id = %(program)s AND state = 'active'"
        "  ORDER BY id FOR UPDATE) l WHERE p.id = l.id"
        " RETURNING coalesce(p.person_id, p.company_id)",
        {"now": now, "program": program.pk},
    )
    touch(program.subject, [row[0] for row in inside], [resumed_key(program.pk)])
    let_in_held(program, now)
    audit.record(None, "program.lift_quarantine", program)
    for lane in ("live", "bulk"):
        wake_on_commit(lane)
    return True


def stop_program(program_id: int, *, actor: Any, reason: str = "") -> int:
    """Final: everybody inside is removed, nothing restarts. Returns how many were removed."""
    require(actor, "journeys.publish_program")
    with transaction.atomic():
        program = locked(program_id, allowed=STOPPABLE, verb="stopped")
        now, old = database_now(), program.state
        program.state = ProgramState.STOPPED
        program.save(update_fields=["state", *forget_plan(program), "updated_at"])
        removed = remove_rows(
            "program_id = %(program)s", {"program": program_id}, "Program stopped", actor=actor
        )
        # Nobody reads its own queries any more; its files stay with what became of their rows.
        drop_owned(owner_of(program), keep=files_of(program))
        program.entry_scans.filter(done_at=None).update(done_at=now)
        program.relocations.filter(done_at=None).update(done_at=now)
        for version in program.versions.all():
            for view in readable_steps(version):
                view.kind.on_disconnect(view, now)
        record_state(program, old, now, actor, reason, what=LifeEvent.STOPPED)
        audit.record(actor, "program.stop", program, after={"reason": reason, "removed": removed})
    return removed

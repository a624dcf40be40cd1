"""Entries off and on, and programs that are complete (PRG-40, 45)."""

from typing import Any

from django.db import transaction

from csplatform.kit import audit, sql
from csplatform.kit.clock import database_now
from csplatform.kit.errors import Conflict
from csplatform.kit.jobs import wake_on_commit
from csplatform.kit.permissions import require
from journeys.engine.held import HELD
from journeys.models import Program
from journeys.models.program import LifeEvent, ProgramState
from journeys.operations.life import freeze, let_in_held, locked, thaw
from journeys.operations.publish import record_state

CAN_BE_ENABLED = (ProgramState.ACTIVE, ProgramState.PAUSED, ProgramState.COMPLETED)


def disable_program(
    program_id: int, *, actor: Any, freeze_runs: bool = False, reason: str = ""
) -> int:
    """No new entries. Who comes meanwhile is remembered, as in a pause.

    Args:
        freeze_runs: runs under way stand still at their next wait (the program is paused); else
            they finish, and with the last one the program is completed.

    Returns how many froze at once. Raises Conflict for a program that is not active or takes
    nobody in already.
    """
    require(actor, "journeys.publish_program")
    with transaction.atomic():
        program = locked(program_id, allowed=(ProgramState.ACTIVE,), verb="closed to new entries")
        if not program.accepts_entries:
            raise Conflict("This program takes nobody in already.", code="closed")
        now = database_now()
        program.accepts_entries = False
        frozen = freeze(program, now) if freeze_runs else 0
        program.save(update_fields=["state", "paused_at", "accepts_entries", "updated_at"])
        record_state(program, ProgramState.ACTIVE, now, actor, reason, what=LifeEvent.DISABLED)
        audit.record(
            actor, "program.disable", program,
            after={"reason": reason, "freeze": freeze_runs, "frozen": frozen},
        )  # fmt: skip
    return frozen


def enable_program(program_id: int, *, actor: Any, reason: str = "") -> int:
    """Entries again: undoes `disable_program` and its freezing; a completed program is active.

    Whoever came meanwhile and is in a source still gets in, unless the program is paused for
    another reason. Returns how many go on. Raises Conflict when entries are not off.
    """
    require(actor, "journeys.publish_program")
    with transaction.atomic():
        program = locked(program_id, allowed=CAN_BE_ENABLED, verb="opened to new entries")
        if program.accepts_entries:
            raise Conflict("This program takes people in already.", code="open")
        now, old = database_now(), program.state
        frozen_by_it = frozen_by_disabling(program)
        program.accepts_entries = True
        if frozen_by_it or old == ProgramState.COMPLETED:
            program.state, program.paused_at = ProgramState.ACTIVE, None
        program.save(update_fields=["state", "paused_at", "accepts_entries", "updated_at"])
        resumed = 0
        if frozen_by_it:
            resumed = thaw(program, now)
        else:
            let_in_held(program, now)
        record_state(program, old, now, actor, reason, what=LifeEvent.ENABLED)
        audit.record(actor, "program.enable", program, after={"reason": reason, "resumed": resumed})
        for lane in ("live", "bulk"):
            wake_on_commit(lane)
    return resumed


def frozen_by_disabling(program: Program) -> bool:
    """Whether a paused program stands still because entries were turned off with freezing."""
    if program.state != ProgramState.PAUSED:
        return False
    changes = program.state_changes.filter(new=ProgramState.PAUSED).exclude(old=ProgramState.PAUSED)
    return changes.values_list("what", flat=True).first() == LifeEvent.DISABLED


def held_back(program_id: int) -> int:
    """How many came while the program took nobody in."""
    return int(
        sql.one(
            "SELECT count(*) FROM journeys_refusal WHERE program_id = %s AND reason = %s",
            [program_id, HELD],
        )
        or 0
    )


# --- completed ----------------------------------------------------------------------------------

# Programs whose last run has ended, and that take nobody in. A publishing to come keeps one alive.
_DONE = (
    "g.state = 'active' AND NOT g.accepts_entries AND g.publish_at IS NULL AND NOT EXISTS"
    " (SELECT 1 FROM journeys_participant p WHERE p.program_id = g.id"
    "  AND p.state IN ('active', 'paused'))"
)


def completion_pending() -> bool:
    """Whether a program is complete; looks at closed programs alone."""
    return bool(sql.one(f"SELECT EXISTS (SELECT 1 FROM journeys_program g WHERE {_DONE})"))


def complete_programs() -> int:
    """Programs without entries whose last run has ended are completed. Returns how many."""
    with transaction.atomic():
        ids = [
            row[0]
            for row in sql.rows(
                f"SELECT g.id FROM journeys_program g WHERE {_DONE} ORDER BY g.id LIMIT 100"
                " FOR NO KEY UPDATE OF g SKIP LOCKED"
            )
        ]
        if not ids:
            return 0
        # Looked at again once they are locked: somebody may have been let try again just before.
        found = sql.rows(
            "UPDATE journeys_program g SET state = 'completed', updated_at = clock_timestamp()"
            f" WHERE g.id = ANY(%s) AND {_DONE} RETURNING g.id",
            [ids],
        )
        now = database_now()
        for program in Program.objects.filter(pk__in=[row[0] for row in found]):
            reason = "Nobody is inside any more and nobody new enters"
            record_state(program, ProgramState.ACTIVE, now, None, reason, what=LifeEvent.COMPLETED)
            audit.record(None, "program.complete", program)
    return len(found)

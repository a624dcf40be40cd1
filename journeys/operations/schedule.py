"""Publish at a time, take it back, and the publishing when its time has come (PRG-40, 41)."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from csplatform.kit import audit, sql
from csplatform.kit.clock import database_now
from csplatform.kit.errors import Conflict, DomainError, NotAllowed, Problem
from csplatform.kit.jobs import NOBODYS_FAULT
from csplatform.kit.permissions import require
from journeys.flow.checks import check_flow, errors
from journeys.flow.document import Flow, walk
from journeys.flow.parse import parse_flow
from journeys.models import Program
from journeys.models.program import LifeEvent, ProgramState
from journeys.operations.publish import forget_plan, publish_program, record_state
from journeys.operations.relocate import checked_choices

log = logging.getLogger(__name__)
MOST_AT_ONCE = 50
FARTHEST = timedelta(days=2 * 365)
SCHEDULABLE = (ProgramState.DRAFT, ProgramState.ACTIVE)


def schedule_program(
    program_id: int,
    at: datetime,
    *,
    actor: Any,
    revision: int | None = None,
    plan: Mapping[str, Any] | None = None,
) -> Program:
    """Have the draft published at a moment, by itself and in the name of `actor`.

    Until then the draft cannot be edited. A draft becomes scheduled; an active program stays
    active and its changes are published then.

    Args:
        at: an aware moment, from now to two years ahead.
        actor: a member of staff; at that moment they must still be allowed to publish.
        revision: the draft_revision that was looked at.
        plan: what else was chosen for the publishing: "moves", as publish_program takes them.

    Raises DomainError for what the checks find (with paths) and for other times, Conflict when
    the state or draft has changed or a publishing is scheduled already.
    """
    require(actor, "journeys.publish_program")
    if actor is None:
        raise DomainError("Somebody has to schedule it: it is published in their name.")
    with transaction.atomic():
        program = Program.objects.select_for_update(no_key=True).get(pk=program_id)
        _refuse_schedule(program, revision)
        now = database_now()
        _refuse_time(at, now)
        flow = parse_flow(program.draft)
        found = errors(check_flow(flow, subject=program.type, program_id=program_id))
        if found:
            raise DomainError([Problem(m.path, m.message, m.code) for m in found])
        checked_choices((plan or {}).get("moves") or {}, flow)
        old = program.state
        fields = forget_plan(program)
        program.publish_at, program.publish_by = at, actor
        program.publish_plan = dict(plan or {})
        if old == ProgramState.DRAFT:
            program.state = ProgramState.SCHEDULED
        program.save(update_fields=["state", *fields, "updated_at"])
        reason = f"To be published on {in_words(at)}"
        record_state(program, old, now, actor, reason, what=LifeEvent.SCHEDULED)
        audit.record(
            actor, "program.schedule", program,
            before={"state": old}, after={"publish_at": at.isoformat()},
        )  # fmt: skip
    return program


def in_words(at: datetime) -> str:
    """A moment for sentences, to the minute."""
    return f"{at:%-d %B %Y, %H:%M} UTC"


def _refuse_schedule(program: Program, revision: int | None) -> None:
    if program.publish_at is not None:
        message = (
            f"It is scheduled already, for {in_words(program.publish_at)}:"
            " take it back to draft to choose another time."
        )
        raise Conflict(message, code="scheduled")
    if program.state not in SCHEDULABLE:
        state = program.get_state_display().lower()
        raise Conflict(f"A {state} program cannot be scheduled.", code="state")
    if revision is not None and program.draft_revision != revision:
        raise Conflict("The flow changed since you looked at it; look again.", code="stale")
    if program.published and program.published.in_force() == program.draft:
        raise Conflict("Nothing has changed since the published version.", code="unchanged")


def _refuse_time(at: datetime, now: datetime) -> None:
    if at <= now:
        message = f"This time is over; it is {in_words(now)} now. Choose a later one."
        raise DomainError(message, path="/at", code="past")
    if at > now + FARTHEST:
        raise DomainError("Choose a time within the next two years.", path="/at", code="far")


def unschedule_program(program_id: int, *, actor: Any, reason: str = "") -> Program:
    """Take a scheduled publishing back to draft. Raises Conflict when none is scheduled (any
    more: it may have been published a moment ago)."""
    require(actor, "journeys.publish_program")
    with transaction.atomic():
        program = Program.objects.select_for_update(no_key=True).get(pk=program_id)
        if program.publish_at is None:
            message = "No publishing of this program is scheduled (any more)."
            raise Conflict(message, code="not_scheduled")
        at, old = program.publish_at, program.state
        _back_to_draft(program)
        record_state(program, old, database_now(), actor, reason, what=LifeEvent.UNSCHEDULED)
        audit.record(
            actor, "program.unschedule", program,
            before={"state": old, "publish_at": at.isoformat()}, after={"reason": reason},
        )  # fmt: skip
    return program


def _back_to_draft(program: Program, failure: list[dict[str, str]] | None = None) -> None:
    """The draft is open again; what is published goes on."""
    fields = forget_plan(program)
    program.publish_failure = failure or []
    if program.state == ProgramState.SCHEDULED:
        program.state = ProgramState.DRAFT
    program.save(update_fields=["state", *fields, "updated_at"])


# --- when the time has come ---------------------------------------------------------------------


def publish_pending() -> bool:
    """Whether a publishing is due."""
    return bool(
        sql.one(
            "SELECT EXISTS (SELECT 1 FROM journeys_program"
            " WHERE publish_at <= statement_timestamp())"
        )
    )


def publish_due() -> int:
    """Publish what is due, longest first, or note why it could not be; how many, 0: none is.

    A transaction each, so a worker that dies leaves it scheduled, for the next one; one that
    meets a lock or a lost connection holds up no other.
    """
    due = Program.objects.filter(publish_at__lte=database_now()).order_by("publish_at", "pk")
    done, met = 0, None
    for program_id in list(due.values_list("pk", flat=True)[:MOST_AT_ONCE]):
        try:
            done += _publish_one(program_id)
        except NOBODYS_FAULT as error:
            log.warning("publishing is tried again", extra={"program": program_id})
            met = error
    if met is not None and not done:
        raise met
    return done


def _publish_one(program_id: int) -> int:
    """Publish this one if it is still due and in nobody's hand."""
    with transaction.atomic():
        program = (
            Program.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
            .filter(pk=program_id, publish_at__lte=database_now())
            .select_related("publish_by")
            .first()
        )
        if program is None:
            return 0
        try:
            _publish(program)  # has a savepoint of its own: all of it or nothing
        except DomainError as error:
            _note_failure(program, error.problems)
        except NOBODYS_FAULT:
            raise  # it stays scheduled and is tried again
        except Exception as error:
            log.exception("publishing failed", extra={"program": program.pk})
            message = f"It could not be published: {type(error).__name__}: {error}"
            _note_failure(program, [Problem("", message, "internal")])
    return 1


def _publish(program: Program) -> None:
    person = program.publish_by
    if person is None:
        raise NotAllowed("Whoever scheduled it is no longer here: schedule it again.")
    if not (person.is_active and person.has_perm("journeys.publish_program")):
        raise NotAllowed(f"{person} scheduled it and may no longer publish: schedule it again.")
    publish_program(program.pk, actor=person, **_chosen(program.publish_plan))


def _chosen(plan: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of publish_program that were chosen at scheduling."""
    return {"moves": plan.get("moves") or {}}


def _note_failure(program: Program, problems: list[Problem]) -> None:
    """Open the draft again, with the problems at their steps until somebody edits it."""
    try:
        flow: Flow | None = parse_flow(program.draft)
    except DomainError:  # stored before flows were read as strictly as now
        flow = None
    failure = [
        {
            "step": step_of(flow, p.path) if flow else "",
            "path": p.path,
            "code": p.code,
            "message": p.message,
        }
        for p in problems
    ]
    old = program.state
    _back_to_draft(program, failure)
    reason = " ".join(dict.fromkeys(p.message for p in problems))
    record_state(program, old, database_now(), None, reason[:2000], what=LifeEvent.FAILED)
    audit.record(None, "program.publish_failed", program, after={"problems": failure[:20]})


def step_of(flow: Flow, path: str) -> str:
    """The key of the step that a problem's path lies in; "" for the program itself.

    Checks name the place in the document, steps that refuse at publishing name their key first.
    """
    around = [p for p in walk(flow) if path == p.path or path.startswith(f"{p.path}/")]
    if around:
        return max(around, key=lambda place: len(place.path)).step.key
    first = path.split("/")[1] if path.startswith("/") else ""
    return first if any(place.step.key == first for place in walk(flow)) else ""

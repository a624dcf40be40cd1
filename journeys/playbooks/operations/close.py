"""Closing tasks once, reopening them, and what follows from both (PRG-81)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from csplatform.kit import audit
from csplatform.kit.clock import database_now
from csplatform.kit.errors import Conflict, DomainError
from csplatform.kit.permissions import require
from journeys.models import Task
from journeys.models.task import Outcome, TaskStatus
from journeys.playbooks.history import TASK_FACT, Happened, tell
from journeys.playbooks.operations.changing import Change, apply, lock_tasks
from journeys.playbooks.operations.settling import complete_runs, resume_runs

TAKEN = "There is an open task of this subject, type and reason again; close that one first."


@dataclass(frozen=True)
class Done:
    """What an operation on several tasks did.

    Attributes:
        ids: tasks that changed; the others were so already.
        undo: entries of the history by which it can be undone.
    """

    ids: tuple[int, ...]
    undo: tuple[int, ...]


def close_tasks(
    ids: Iterable[int],
    *,
    outcome: str = Outcome.NONE,
    actor: Any,
    reason: str = "",
    now: datetime | None = None,
) -> Done:
    """Close tasks; those that are closed already stay as they were closed.

    Args:
        outcome: "successful", "lost" or "".
        reason: why, for the history, when nobody closes it by hand.

    Completes playbook runs whose last task this was. Raises DomainError, NotAllowed.
    """
    require(actor, "journeys.change_task")
    if outcome not in Outcome.values:
        raise DomainError("Choose successful, lost or none.", path="/outcome", code="unknown")
    with transaction.atomic():
        tasks = [task for task in lock_tasks(ids) if task.is_open]
        moment = now or database_now()
        values = {
            "status": TaskStatus.CLOSED, "outcome": outcome, "closed_at": moment,
            "closed_by_id": getattr(actor, "pk", None), "snoozed_until": None,
        }  # fmt: skip
        changed, history = apply(
            [Change(task, values) for task in tasks], "closed", by=actor, now=moment, text=reason
        )
        if changed:
            after_closing(changed, now=moment)
            complete_runs({t.run_id for t in changed if t.run_id}, by=actor, now=moment)
            note(actor, "task.close", changed, outcome=outcome)
    return Done(tuple(t.pk for t in changed), tuple(history))


def reopen_tasks(ids: Iterable[int], *, actor: Any, now: datetime | None = None) -> Done:
    """Open closed tasks again; runs that they had completed go on.

    Raises Conflict where the duplicate guard holds: an open one of the same kind is there.
    """
    require(actor, "journeys.change_task")
    with transaction.atomic():
        tasks = [task for task in lock_tasks(ids) if not task.is_open]
        moment = now or database_now()
        changes = [Change(task, REOPENED) for task in tasks]
        changed, history = write_guarded(changes, "reopened", by=actor, now=moment)
        if changed:
            after_opening(changed, by=actor, now=moment)
            note(actor, "task.reopen", changed)
    return Done(tuple(t.pk for t in changed), tuple(history))


REOPENED = {
    "status": TaskStatus.OPEN, "outcome": Outcome.NONE, "closed_at": None, "closed_by_id": None,
    "snoozed_until": None,
}  # fmt: skip


def write_guarded(
    changes: Sequence[Change], kind: str, *, by: Any, now: datetime, text: str = ""
) -> tuple[list[Task], list[int]]:
    """As `apply`. Raises Conflict where the duplicate guard forbids it."""
    try:
        with transaction.atomic():
            return apply(changes, kind, by=by, now=now, text=text)
    except IntegrityError as error:
        if "one_open_task_of_a_reason" not in str(error):
            raise
        raise Conflict(TAKEN, code="duplicate") from None


def after_closing(tasks: Sequence[Task], *, now: datetime) -> None:
    """Events of closed tasks: closed, and how it went."""
    tell((_about(task, name) for task in tasks for name in _closing(task)), TASK_FACT, now=now)


def after_opening(tasks: Sequence[Task], *, by: Any, now: datetime) -> None:
    """Events of tasks that are open again; their runs go on."""
    tell((_about(task, "task.reopened") for task in tasks), TASK_FACT, now=now)
    resume_runs({t.run_id for t in tasks if t.run_id}, by=by, now=now)


def note(actor: Any, verb: str, tasks: Sequence[Task], **after: Any) -> None:
    """One line of the audit trail for all of them. Steps and timers are told of elsewhere: in the
    tasks' history and in the participants' feed."""
    if actor is not None and tasks:
        audit.record(actor, verb, tasks[0], after={"tasks": [t.pk for t in tasks], **after})


def _closing(task: Task) -> tuple[str, ...]:
    how = {Outcome.SUCCESSFUL: "task.succeeded", Outcome.LOST: "task.lost"}.get(
        Outcome(task.outcome)
    )
    return ("task.closed", how) if how else ("task.closed",)


def _about(task: Task, name: str) -> Happened:
    properties = {"type": task.type_id, "reason": task.reason}
    if task.outcome:
        properties["outcome"] = task.outcome
    return Happened(name, task.pk, task.person_id, task.company_id, properties)

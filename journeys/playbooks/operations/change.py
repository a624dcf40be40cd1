"""What people do with open tasks: edit, assign, start, snooze, comment, hand over, undo."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import transaction

from csplatform.accounts.models import User
from csplatform.kit import audit, sql
from csplatform.kit.clock import database_now
from csplatform.kit.errors import Conflict, DomainError
from csplatform.kit.permissions import require
from journeys.models import Task, TaskChange, TaskType
from journeys.models.task import TaskStatus
from journeys.playbooks.history import TASK_FACT, Changed, touch_fact, write_changes
from journeys.playbooks.operations.changing import COLUMNS, Change, apply, lock_tasks
from journeys.playbooks.operations.close import (
    Done,
    after_closing,
    after_opening,
    note,
    write_guarded,
)
from journeys.playbooks.operations.create import NewTask, field_problems
from journeys.playbooks.operations.settling import complete_runs

MAX_COMMENT = 10_000
# What undoing takes back; a comment stays said, and what a machine did is no slip of the hand.
UNDOABLE = ("edited", "assigned", "started", "snoozed", "closed", "reopened", "undone")
EDITABLE = ("title", "description", "type_id", "reason", "assignee_id", "due_on", "priority")


def edit_task(task_id: int, values: Mapping[str, Any], *, actor: Any) -> Done:
    """Change some of EDITABLE; what is not given stays.

    Raises DomainError with paths, Conflict where the duplicate guard forbids it, NotAllowed.
    """
    require(actor, "journeys.change_task")
    unknown = set(values) - set(EDITABLE)
    if unknown:
        raise DomainError("This cannot be changed.", path=f"/{min(unknown)}", code="unknown")
    with transaction.atomic():
        (task,) = lock_tasks([task_id])
        given = {n: v.strip() if isinstance(v, str) else v for n, v in values.items()}
        _check(task, given)
        now = database_now()
        changed, history = write_guarded([Change(task, given)], "edited", by=actor, now=now)
        touch_fact(((t.person_id, t.company_id) for t in changed), TASK_FACT)
        if changed:
            audit.record(actor, "task.change", task, after={"fields": sorted(given)})
    return Done(tuple(t.pk for t in changed), tuple(history))


def assign_tasks(ids: Iterable[int], user_id: int | None, *, actor: Any) -> Done:
    """Give open tasks to somebody, or to nobody. Raises DomainError for who left."""
    require(actor, "journeys.change_task")
    check_assignee(user_id)
    return _change_open(ids, {"assignee_id": user_id}, "assigned", actor)


def check_assignee(user_id: int | None) -> None:
    """Raises DomainError for somebody who left or never was."""
    if user_id is not None and not User.objects.filter(pk=user_id, is_active=True).exists():
        message = "This user is not active; choose somebody else or nobody."
        raise DomainError(message, path="/assignee", code="inactive")


def start_tasks(ids: Iterable[int], *, actor: Any) -> Done:
    """Somebody is at it; wakes snoozed ones."""
    require(actor, "journeys.change_task")
    values = {"status": TaskStatus.IN_PROGRESS, "snoozed_until": None}
    return _change_open(ids, values, "started", actor)


def snooze_tasks(ids: Iterable[int], until: datetime, *, actor: Any) -> Done:
    """Put open tasks aside; they wake by themselves at `until`. Raises DomainError for the past."""
    require(actor, "journeys.change_task")
    if until <= database_now():
        message = "Choose a time to come; a task cannot sleep until the past."
        raise DomainError(message, path="/until", code="past")
    values = {"status": TaskStatus.SNOOZED, "snoozed_until": until}
    return _change_open(ids, values, "snoozed", actor)


def wake_tasks(ids: Iterable[int], *, actor: Any) -> Done:
    """Open snoozed tasks again, now."""
    require(actor, "journeys.change_task")
    values = {"status": TaskStatus.OPEN, "snoozed_until": None}
    return _change_open(ids, values, "woken", actor, only=TaskStatus.SNOOZED)


def comment_task(task_id: int, text: str, *, actor: Any) -> int:
    """Say something about a task, open or closed; the id of the entry."""
    require(actor, "journeys.change_task")
    said = text.strip()
    if not said:
        raise DomainError("Write something.", path="/text", code="missing")
    if len(said) > MAX_COMMENT or "\x00" in said:
        raise DomainError(f"At most {MAX_COMMENT:,} characters.", path="/text", code="too_long")
    with transaction.atomic():
        (task,) = lock_tasks([task_id])
        now = database_now()
        (entry,) = write_changes([Changed(task.pk, "comment", text=said)], by=actor, now=now)
        audit.record(actor, "task.comment", task)
    return entry


def hand_over(
    company_ids: Iterable[int], *, actor: Any, from_user: int | None = None
) -> dict[int, int]:
    """Give open tasks at companies to the companies' CSM: those of the former CSM, or all that
    are not the CSM's.

    Returns how many went over, by CSM. Companies without an active CSM are left alone.
    """
    require(actor, "journeys.change_task")
    found = sql.rows(
        "SELECT t.id, c.csm_id FROM journeys_task t JOIN customers_company c ON c.id = t.company_id"
        " JOIN accounts_user u ON u.id = c.csm_id AND u.is_active"
        " WHERE c.id = ANY(%s) AND t.status <> 'closed' AND t.assignee_id IS DISTINCT FROM c.csm_id"
        " AND (%s::bigint IS NULL OR t.assignee_id = %s)",
        [sorted(set(company_ids)), from_user, from_user],
    )
    owner = dict(found)
    counts: dict[int, int] = {}
    with transaction.atomic():
        tasks = [task for task in lock_tasks(owner) if task.is_open]
        changes = [Change(task, {"assignee_id": owner[task.pk]}) for task in tasks]
        changed, _ = apply(changes, "assigned", by=actor, now=database_now())
        for task in changed:
            counts[owner[task.pk]] = counts.get(owner[task.pk], 0) + 1
        note(actor, "task.hand_over", changed)
    return counts


def undo(change_ids: Iterable[int], *, actor: Any) -> Done:
    """Take changes back: each task gets the values that it had before.

    Raises Conflict for one that was changed again since, or that cannot be taken back.
    """
    require(actor, "journeys.change_task")
    entries = list(TaskChange.objects.filter(pk__in=set(change_ids)).order_by("pk"))
    with transaction.atomic():
        tasks = {task.pk: task for task in lock_tasks({e.task_id for e in entries})}
        last = dict(
            sql.rows(
                "SELECT task_id, max(id) FROM journeys_taskchange WHERE task_id = ANY(%s)"
                " AND kind <> 'comment' GROUP BY task_id",
                [list(tasks)],
            )
        )
        for entry in entries:
            if entry.kind not in UNDOABLE or last[entry.task_id] != entry.pk:
                message = f"“{tasks[entry.task_id]}” was changed again since; nothing was undone."
                raise Conflict(message, code="changed")
        now = database_now()
        was_open = {pk: task.is_open for pk, task in tasks.items()}
        changes = [Change(tasks[e.task_id], _typed(e.old)) for e in entries]
        changed, history = write_guarded(changes, "undone", by=actor, now=now)
        _follow(changed, was_open, by=actor, now=now)
        note(actor, "task.undo", changed)
    return Done(tuple(t.pk for t in changed), tuple(history))


def _follow(changed: list[Task], was_open: Mapping[int, bool], *, by: Any, now: datetime) -> None:
    """What closing and opening bring along."""
    opened = [t for t in changed if t.is_open and not was_open[t.pk]]
    closed = [t for t in changed if not t.is_open and was_open[t.pk]]
    if opened:
        after_opening(opened, by=by, now=now)
    if closed:
        after_closing(closed, now=now)
        complete_runs({t.run_id for t in closed if t.run_id}, by=by, now=now)
    touch_fact(((t.person_id, t.company_id) for t in changed), TASK_FACT)


def _change_open(
    ids: Iterable[int],
    values: Mapping[str, Any],
    kind: str,
    actor: Any,
    *,
    only: str = "",
) -> Done:
    """The same values for all that are open (and have the status `only`)."""
    with transaction.atomic():
        tasks = [t for t in lock_tasks(ids) if t.is_open and only in ("", t.status)]
        changes = [Change(task, values) for task in tasks]
        changed, history = apply(changes, kind, by=actor, now=database_now())
        note(actor, f"task.{kind}", changed)
    return Done(tuple(t.pk for t in changed), tuple(history))


def _typed(old: Mapping[str, Any]) -> dict[str, Any]:
    """Values of the history as columns take them."""
    fields = {field.attname: field for field in Task._meta.concrete_fields}
    return {n: fields[n].to_python(v) for n, v in old.items() if n in COLUMNS}


def _check(task: Task, given: Mapping[str, Any]) -> None:
    """The task as it would be. A type or assignee that it has had before may stay."""
    values = {n: given.get(n, getattr(task, n)) for n in EDITABLE}
    type_ = TaskType.objects.filter(pk=values["type_id"] or 0).first()
    problems = field_problems(NewTask(**values), type_)
    if "type_id" not in given:
        problems = [p for p in problems if p.path != "/type"]
    if given.get("assignee_id", task.assignee_id) != task.assignee_id:
        check_assignee(given["assignee_id"])
    if problems:
        raise DomainError([replace(p, path=p.path.replace("_id", "")) for p in problems])

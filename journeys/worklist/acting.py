"""From a click on the work list to an operation."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.http import QueryDict

from csplatform.kit.errors import DomainError
from journeys.playbooks.days import snoozed_until
from journeys.playbooks.operations.change import (
    assign_tasks,
    comment_task,
    snooze_tasks,
    start_tasks,
    undo,
    wake_tasks,
)
from journeys.playbooks.operations.close import Done, close_tasks, reopen_tasks

MAX_AT_ONCE = 1000


def act_on(data: QueryDict, user: Any, now: datetime) -> tuple[str, Done]:
    """Do what a form asks for; what was done, in words. Raises DomainError."""
    action = data.get("action", "")
    if action not in ACTIONS:
        raise DomainError("There is no such action.", path="/action", code="unknown")
    ids = _numbers(data.getlist("undo" if action == "undo" else "ids"))
    return ACTIONS[action](ids, data, user, now)


def _numbers(texts: list[str]) -> list[int]:
    found = [int(text) for text in texts if text.isdecimal() and len(text) < 19]
    if not found:
        raise DomainError("Choose at least one task.", path="/ids", code="missing")
    if len(found) > MAX_AT_ONCE:
        message = f"At most {MAX_AT_ONCE:,} tasks at once."
        raise DomainError(message, path="/ids", code="too_many")
    return found


def _tasks(done: Done, verb: str, otherwise: str) -> str:
    number = len(done.ids)
    if not number:
        return otherwise
    return f"{verb}." if number == 1 else f"{number} tasks: {verb.lower()}."


def _done(ids: list[int], data: QueryDict, user: Any, now: datetime) -> tuple[str, Done]:
    outcome = data.get("outcome", "")
    done = close_tasks(ids, outcome=outcome, actor=user)
    verb = {"successful": "Done, successful", "lost": "Done, lost"}.get(outcome, "Done")
    return _tasks(done, verb, "Somebody else had closed it already."), done


def _reopen(ids: list[int], data: QueryDict, user: Any, now: datetime) -> tuple[str, Done]:
    done = reopen_tasks(ids, actor=user)
    return _tasks(done, "Reopened", "It was open already."), done


def _start(ids: list[int], data: QueryDict, user: Any, now: datetime) -> tuple[str, Done]:
    done = start_tasks(ids, actor=user)
    return _tasks(done, "In progress", "Nothing to start."), done


def _snooze(ids: list[int], data: QueryDict, user: Any, now: datetime) -> tuple[str, Done]:
    until = snoozed_until(data.get("until", ""), user, now)
    if until is None:
        raise DomainError("Choose until when.", path="/until", code="missing")
    done = snooze_tasks(ids, until, actor=user)
    return _tasks(done, f"Snoozed until {until:%a %d %b}", "Closed tasks do not sleep."), done


def _wake(ids: list[int], data: QueryDict, user: Any, now: datetime) -> tuple[str, Done]:
    done = wake_tasks(ids, actor=user)
    return _tasks(done, "Woken", "It was awake already."), done


def _assign(ids: list[int], data: QueryDict, user: Any, now: datetime) -> tuple[str, Done]:
    text = data.get("assignee", "")
    done = assign_tasks(ids, int(text) if text.isdecimal() else None, actor=user)
    return _tasks(done, "Assigned", "It is theirs already."), done


def _comment(ids: list[int], data: QueryDict, user: Any, now: datetime) -> tuple[str, Done]:
    comment_task(ids[0], data.get("text", ""), actor=user)
    return "Comment added.", Done(tuple(ids[:1]), ())


def _undo(ids: list[int], data: QueryDict, user: Any, now: datetime) -> tuple[str, Done]:
    return "Taken back.", undo(ids, actor=user)


ACTIONS: dict[str, Callable[[list[int], QueryDict, Any, datetime], tuple[str, Done]]] = {
    "done": _done, "reopen": _reopen, "start": _start, "snooze": _snooze, "wake": _wake,
    "assign": _assign, "comment": _comment, "undo": _undo,
}  # fmt: skip

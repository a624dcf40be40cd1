"""Small tags of the work list."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import template

from journeys.models import TaskChange
from journeys.models.task import Outcome, Priority, TaskStatus

register = template.Library()
LABELS = {
    "title": "Title", "description": "Description", "reason": "Reason",
    "assignee_id": "Assigned to",
    "due_on": "Due", "priority": "Priority", "status": "Status", "outcome": "Outcome",
    "snoozed_until": "Until",
}  # fmt: skip
_CHOICES: dict[str, dict[Any, Any]] = {
    "priority": dict(Priority.choices), "status": dict(TaskStatus.choices),
    "outcome": dict(Outcome.choices),
}  # fmt: skip


@register.filter
def at(mapping: Mapping[str, Any], key: str) -> Any:
    """An entry of a mapping, or nothing."""
    return mapping.get(key, ())


@register.filter
def change_lines(change: TaskChange, people: Mapping[int, str]) -> Sequence[str]:
    """What changed, a line each: “Due: 3 Mar 2026 → 9 Mar 2026”."""
    return [
        f"{label}: {_shown(name, change.old.get(name), people)}"
        f" → {_shown(name, change.new.get(name), people)}"
        for name, label in LABELS.items()
        if name in change.new and change.kind not in ("closed", "reopened")
    ]


def _shown(name: str, value: Any, people: Mapping[int, str]) -> str:
    if value in (None, ""):
        return "–"
    if name in _CHOICES:
        return str(_CHOICES[name].get(value, value))
    if name == "assignee_id":
        return people.get(value, "somebody")
    if name in ("due_on", "snoozed_until"):
        return f"{datetime.fromisoformat(value):%-d %b %Y}"
    return str(value)[:120]

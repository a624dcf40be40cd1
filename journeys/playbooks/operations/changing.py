"""Changing many tasks at once: the one way in which columns of tasks are written."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from csplatform.kit import sql
from csplatform.kit.errors import DomainError
from journeys.models import Task
from journeys.models.task import plain
from journeys.playbooks.history import Changed, write_changes
from journeys.playbooks.subjects import lock_people

# What may be written, with the types for the statement.
COLUMNS = {
    "title": "text", "description": "text", "type_id": "bigint", "reason": "text",
    "assignee_id": "bigint", "due_on": "date", "priority": "smallint", "status": "text",
    "snoozed_until": "timestamptz", "outcome": "text", "closed_at": "timestamptz",
    "closed_by_id": "bigint",
}  # fmt: skip


@dataclass(frozen=True)
class Change:
    """New values of one task's columns."""

    task: Task
    values: Mapping[str, Any]


def lock_tasks(ids: Iterable[int]) -> list[Task]:
    """The tasks, by id, locked after their people and playbook runs. Raises DomainError.

    People first, because events are written about them; runs, because the last task to be closed
    completes its run and two may be closed at the same moment.
    """
    wanted = sorted(set(ids))
    where = sql.rows("SELECT id, person_id, run_id FROM journeys_task WHERE id = ANY(%s)", [wanted])
    missing = set(wanted) - {row[0] for row in where}
    if missing:
        raise DomainError(f"There is no task {min(missing)}.", path="/ids", code="unknown")
    lock_people(row[1] for row in where if row[1])
    runs = sorted({row[2] for row in where if row[2]})
    if runs:
        sql.rows(
            "SELECT id FROM journeys_playbookrun WHERE id = ANY(%s) ORDER BY id FOR UPDATE", [runs]
        )
    return list(Task.objects.filter(pk__in=wanted).order_by("pk").select_for_update())


def apply(
    changes: Iterable[Change], kind: str, *, by: Any, now: datetime, text: str = ""
) -> tuple[list[Task], list[int]]:
    """Write what differs; the tasks that changed and the ids of their history. Two statements.

    The tasks are locked by the caller; their objects carry the new values afterwards.
    """
    rows, history, touched = [], [], []
    for change in changes:
        task = change.task
        old = {n: plain(getattr(task, n)) for n, v in change.values.items()
               if plain(getattr(task, n)) != plain(v)}  # fmt: skip
        if not old:
            continue
        new = {n: plain(change.values[n]) for n in old}
        for name in old:
            setattr(task, name, change.values[name])
        rows.append({"id": task.pk, **{n: plain(getattr(task, n)) for n in COLUMNS}})
        history.append(Changed(task.pk, kind, old, new, text))
        touched.append(task)
    if not rows:
        return [], []
    sets = ", ".join(f"{name} = x.{name}" for name in COLUMNS)
    shape = ", ".join(f"{name} {type_}" for name, type_ in COLUMNS.items())
    sql.run(
        f"UPDATE journeys_task t SET {sets}, updated_at = %s"
        f" FROM json_to_recordset(%s) AS x (id bigint, {shape}) WHERE t.id = x.id",
        [now, json.dumps(rows, cls=DjangoJSONEncoder)],
    )
    return touched, write_changes(history, by=by, now=now)

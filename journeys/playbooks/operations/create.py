"""Making tasks: one or ten thousand in the same number of statements (PRG-81)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction

from csplatform.accounts.models import User
from csplatform.kit import audit, sql
from csplatform.kit.clock import database_now
from csplatform.kit.errors import DomainError, Problem
from csplatform.kit.permissions import require
from journeys.models import Task, TaskType
from journeys.models.task import REASON, Priority, TaskOrigin
from journeys.playbooks.history import TASK_FACT, Changed, Happened, tell, write_changes
from journeys.playbooks.subjects import Subject, settle
from journeys.playbooks.texts import MAX_TITLE

MAX_DESCRIPTION = 10_000


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task to make.

    Attributes:
        person_id, company_id: whom it is about, at least one; a person's company is filled in.
        guarded: an open guarded task of the same subject, type and reason is updated instead.
        origin: TaskOrigin; with `program_id` or `run_id` where it came from.
        place: its place in a playbook.
    """

    title: str
    type_id: int
    person_id: int | None = None
    company_id: int | None = None
    description: str = ""
    assignee_id: int | None = None
    due_on: date | None = None
    priority: int = Priority.NORMAL
    reason: str = ""
    guarded: bool = False
    origin: str = TaskOrigin.HAND
    program_id: int | None = None
    run_id: int | None = None
    place: int = 0


@dataclass(frozen=True, slots=True)
class Made:
    """What came of one: a new task, or the open one that was updated."""

    task_id: int
    new: bool


def create_tasks(
    items: Sequence[NewTask], *, actor: Any, now: datetime | None = None
) -> list[Made]:
    """Make tasks, or update the open ones that the duplicate guard finds; in the order given.

    An update takes title and description, the earlier due date and the more urgent priority; whom
    the task is assigned to and its status stay. Raises DomainError with "/<index>/<field>" paths
    ("/<field>" for a single one), NotAllowed.
    """
    require(actor, "journeys.add_task")
    if not items:
        return []
    items = [replace(i, title=i.title.strip(), reason=i.reason.strip()) for i in items]
    _check(items)
    with transaction.atomic():
        moment = now or database_now()
        places = settle([Subject(i.person_id, i.company_id) for i in items])
        made = insert_tasks(list(zip(items, places, strict=True)), by=actor, now=moment)
        if actor is not None:
            first = Task.objects.get(pk=made[0].task_id)
            after = {"tasks": [m.task_id for m in made], "updated": sum(not m.new for m in made)}
            audit.record(actor, "task.create", first, after=after)
    return made


def insert_tasks(items: Sequence[tuple[NewTask, Subject]], *, by: Any, now: datetime) -> list[Made]:
    """As `create_tasks`, for tasks that are checked and subjects that are settled."""
    found = _insert(_first_of_each(items), by, now)
    made, changes, happened = [], [], []
    told: set[int] = set()
    for item, subject in items:
        row = found[_key(item, subject)] if item.guarded else found[id(item)]
        first = row.task_id not in told
        made.append(Made(row.task_id, row.new and first))
        if not first:
            continue
        told.add(row.task_id)
        kind = "created" if row.new else "repeated"
        changes.append(Changed(row.task_id, kind, old=row.old, new=row.now))
        about = {"type": item.type_id, "reason": item.reason}
        happened.append(
            Happened("task.created" if row.new else "task.updated", row.task_id,
                     subject.person_id, subject.company_id, about)
        )  # fmt: skip
    write_changes(changes, by=by, now=now)
    tell(happened, TASK_FACT, now=now)
    return made


@dataclass(frozen=True, slots=True)
class _Row:
    task_id: int
    new: bool
    old: dict[str, Any]
    now: dict[str, Any]


_COLUMNS = (
    "id bigint, title text, description text, person_id bigint, company_id bigint, type_id bigint,"
    " reason text, guarded boolean, assignee_id bigint, due_on date, priority smallint,"
    " origin text, program_id bigint, run_id bigint, place smallint"
)
_NAMES = ", ".join(part.split()[0] for part in _COLUMNS.split(","))
_SAME = "o.type_id = x.type_id AND o.reason = x.reason AND o.guarded AND o.status <> 'closed'"
_GUARD = "(person_id, company_id, type_id, reason) WHERE guarded AND status <> 'closed'"
# A row that is met is locked before, so that its old values are those that are overwritten. Two
# halves, each of equalities: "the same or both empty" can be neither looked up nor hashed.
_MET = f"""
WITH x AS MATERIALIZED (SELECT * FROM json_to_recordset(%s)
  AS x (person_id bigint, company_id bigint, type_id bigint, reason text))
SELECT t.id, t.title, t.description, t.due_on, t.priority FROM journeys_task t WHERE t.id IN (
 SELECT o.id FROM x JOIN journeys_task o ON o.person_id = x.person_id
  AND o.company_id IS NOT DISTINCT FROM x.company_id AND {_SAME}
 UNION ALL
 SELECT o.id FROM x JOIN journeys_task o ON o.company_id = x.company_id
  AND o.person_id IS NULL AND x.person_id IS NULL AND {_SAME})
AND t.guarded AND t.status <> 'closed' ORDER BY t.id FOR UPDATE
"""
_INSERT = f"""
INSERT INTO journeys_task AS t ({_NAMES}, status, outcome, created_at, created_by_id, updated_at)
SELECT {_NAMES}, 'open', '', %(now)s, %(by)s, %(now)s
FROM json_to_recordset(%(rows)s) AS x ({_COLUMNS}) ORDER BY x.id
ON CONFLICT {_GUARD} DO UPDATE SET title = excluded.title, description = excluded.description,
    due_on = LEAST(t.due_on, excluded.due_on), priority = LEAST(t.priority, excluded.priority),
    assignee_id = COALESCE(t.assignee_id, excluded.assignee_id), updated_at = excluded.updated_at
RETURNING id, xmax = 0, person_id, company_id, type_id, reason, guarded, title, description,
    due_on, priority
"""


def _insert(items: Sequence[tuple[NewTask, Subject]], by: Any, now: datetime) -> dict[Any, _Row]:
    """Rows by guard key, and those of unguarded tasks by the item itself; three statements."""
    ids = sql.next_ids("journeys_task_id_seq", len(items))
    rows = [_record(id_, item, subject) for id_, (item, subject) in zip(ids, items, strict=True)]
    text = json.dumps(rows, cls=DjangoJSONEncoder)
    guarded = json.dumps([r for r in rows if r["guarded"]], cls=DjangoJSONEncoder)
    old = {
        row[0]: {"title": row[1], "description": row[2], "due_on": row[3], "priority": row[4]}
        for row in (sql.rows(_MET, [guarded]) if len(guarded) > len("[]") else [])
    }
    given = {id_: item for id_, (item, _) in zip(ids, items, strict=True)}
    found: dict[Any, _Row] = {}
    for pk, new, person, company, type_, reason, is_guarded, *values in sql.rows(
        _INSERT, {"rows": text, "now": now, "by": getattr(by, "pk", None)}
    ):
        after = dict(zip(("title", "description", "due_on", "priority"), values, strict=True))
        before = {} if new else old.get(pk, {})
        changed = {n: v for n, v in after.items() if new or before.get(n) != v}
        row = _Row(pk, new, {n: before[n] for n in changed if n in before}, changed)
        found[(person, company, type_, reason) if is_guarded else id(given[pk])] = row
    return found


def _record(id_: int, item: NewTask, subject: Subject) -> dict[str, Any]:
    return {
        "id": id_,
        "title": item.title[:MAX_TITLE],
        "description": item.description,
        "person_id": subject.person_id,
        "company_id": subject.company_id,
        "type_id": item.type_id,
        "reason": item.reason,
        "guarded": item.guarded,
        "assignee_id": item.assignee_id,
        "due_on": item.due_on,
        "priority": int(item.priority),
        "origin": str(item.origin),
        "program_id": item.program_id,
        "run_id": item.run_id,
        "place": item.place,
    }


def _key(item: NewTask, subject: Subject) -> tuple[int | None, int | None, int, str]:
    return subject.person_id, subject.company_id, item.type_id, item.reason


def _first_of_each(
    items: Sequence[tuple[NewTask, Subject]],
) -> list[tuple[NewTask, Subject]]:
    """One of each guard key: a statement may meet a row only once."""
    seen: set[Any] = set()
    kept = []
    for item, subject in items:
        key = _key(item, subject) if item.guarded else id(item)
        if key not in seen:
            seen.add(key)
            kept.append((item, subject))
    return kept


def _check(items: Sequence[NewTask]) -> None:
    """Titles, types, assignees. Raises DomainError with all that is wrong."""
    types = TaskType.objects.in_bulk({item.type_id for item in items})
    users = set(
        User.objects.filter(
            pk__in={i.assignee_id for i in items if i.assignee_id}, is_active=True
        ).values_list("pk", flat=True)
    )
    problems: list[Problem] = []
    for index, item in enumerate(items):
        path = f"/{index}" if len(items) > 1 else ""
        problems += field_problems(item, types.get(item.type_id), path)
        if item.assignee_id and item.assignee_id not in users:
            message = "This user is not active; choose somebody else or nobody."
            problems.append(Problem(f"{path}/assignee", message, "inactive"))
    if problems:
        raise DomainError(problems)


def field_problems(item: NewTask, type_: TaskType | None, path: str = "") -> list[Problem]:
    """What is wrong with the values of a task."""
    problems = []
    if not item.title:
        problems.append(Problem(f"{path}/title", "Write what is to be done.", "missing"))
    for name, text, most in (
        ("title", item.title, MAX_TITLE),
        ("description", item.description, MAX_DESCRIPTION),
        ("reason", item.reason, REASON),
    ):
        if len(text) > most:
            problems.append(Problem(f"{path}/{name}", f"At most {most:,} characters.", "too_long"))
        if "\x00" in text:
            problems.append(Problem(f"{path}/{name}", "Remove the NUL character.", "text"))
    if item.priority not in Priority.values:
        problems.append(Problem(f"{path}/priority", "Choose 1, 2 or 3.", "invalid"))
    if type_ is None:
        problems.append(Problem(f"{path}/type", "Choose one of the task types.", "unknown"))
        return problems
    if not type_.is_active:
        message = f"“{type_}” is switched off; choose another type."
        problems.append(Problem(f"{path}/type", message, "inactive"))
    problems += reason_problems(type_, item.reason, path)
    return problems


def reason_problems(type_: TaskType, reason: str, path: str = "") -> list[Problem]:
    """Whether a type takes a reason."""
    if not reason or not type_.reasons or reason in type_.reasons:
        return []
    known = ", ".join(f"“{word}”" for word in type_.reasons)
    message = f"“{type_}” has the reasons {known}; choose one of them or none."
    return [Problem(f"{path}/reason", message, "unknown")]

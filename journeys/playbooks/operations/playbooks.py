"""Making, changing, copying and deleting playbooks (PRG-80)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from django.db import IntegrityError, transaction

from csplatform.accounts.models import User
from csplatform.kit import audit
from csplatform.kit.errors import Conflict, DomainError, Problem
from csplatform.kit.permissions import require
from journeys.emails.tokens import known_tokens
from journeys.models import Playbook, PlaybookTask, TaskType
from journeys.models.playbook import PlaybookSubject
from journeys.models.task import Priority
from journeys.playbooks.operations.create import MAX_DESCRIPTION, reason_problems
from journeys.playbooks.texts import MAX_TITLE, text_problems
from journeys.usage import programs_naming

MAX_TASKS = 100
MAX_DAYS = 1000
PLAYBOOK_PATH = (
    '$.** ? ((@.kind == "assign_playbook" && @.config.playbook == $value)'
    ' || (@.test == "playbook" && @.playbook == $value))'
)


@dataclass(frozen=True)
class TaskLine:
    """One task of a playbook. `owner_role`: "csm", another owner role, or "" for nobody."""

    title: str
    type_id: int
    description: str = ""
    reason: str = ""
    priority: int = Priority.NORMAL
    due_days: int = 0
    owner_role: str = "csm"
    fallback_id: int | None = None


@dataclass(frozen=True)
class PlaybookInput:
    """What a playbook is. `tasks` replace those that it had; their order is that of the list."""

    name: str
    description: str = ""
    subject: str = PlaybookSubject.COMPANY
    expected_days: int | None = None
    skip_weekends: bool = True
    is_active: bool = True
    tasks: Sequence[TaskLine] = ()


def save_playbook(given: PlaybookInput, *, actor: Any, playbook_id: int | None = None) -> Playbook:
    """Make a playbook, or change one; runs under way keep what they started with.

    Raises DomainError with paths such as "/tasks/2/title", Conflict for a taken name.
    """
    require(actor, f"journeys.{'change' if playbook_id else 'add'}_playbook")
    given = replace(given, name=given.name.strip(), tasks=[_trimmed(t) for t in given.tasks])
    problems = _problems(given)
    with transaction.atomic():
        row = Playbook.objects.select_for_update().get(pk=playbook_id) if playbook_id else None
        if row is not None and row.subject != given.subject and row.runs.exists():
            message = "It has run already, so it stays for whom it is; make a copy instead."
            problems.append(Problem("/subject", message, "fixed"))
        if problems:
            raise DomainError(problems)
        before = told(row) if row is not None else {}
        row = _write(row or Playbook(), given)
        after = told(row)
        changed = {name for name in after if before.get(name) != after[name]}
        if changed:
            audit.record(
                actor, f"playbook.{'change' if playbook_id else 'add'}", row,
                before={n: before[n] for n in changed if n in before},
                after={n: after[n] for n in changed},
            )  # fmt: skip
    return row


def clone_playbook(playbook_id: int, *, actor: Any) -> Playbook:
    """A copy under a free name."""
    row = Playbook.objects.get(pk=playbook_id)
    taken = set(
        Playbook.objects.filter(name__startswith=f"{row.name[:180]} (copy").values_list(
            "name", flat=True
        )
    )
    name = f"{row.name[:180]} (copy)"
    number = 2
    while name in taken:
        name = f"{row.name[:180]} (copy {number})"
        number += 1
    return save_playbook(replace(input_of(row), name=name), actor=actor)


def delete_playbook(playbook_id: int, *, actor: Any) -> None:
    """Delete a playbook that never ran and that no program names. Raises Conflict."""
    require(actor, "journeys.delete_playbook")
    with transaction.atomic():
        row = Playbook.objects.select_for_update().get(pk=playbook_id)
        named = programs_using(playbook_id)
        if named:
            names = ", ".join(f"“{name}”" for name in named[:5])
            raise Conflict(f"“{row}” is used by {names}; switch it off instead.", code="in_use")
        if row.runs.exists():
            message = f"“{row}” has run, and its runs tell of it; switch it off instead."
            raise Conflict(message, code="has_run")
        audit.record(actor, "playbook.delete", row, before=told(row))
        row.delete()


def programs_using(playbook_id: int) -> list[str]:
    """Names of living programs that assign a playbook or ask for it in a rule."""
    return [program.name for program in programs_naming(PLAYBOOK_PATH, playbook_id)]


def input_of(row: Playbook) -> PlaybookInput:
    """A playbook as it would be given."""
    lines = [
        TaskLine(
            t.title, t.type_id, t.description, t.reason, t.priority, t.due_days, t.owner_role,
            t.fallback_id,
        )
        for t in row.tasks.all()
    ]  # fmt: skip
    return PlaybookInput(
        row.name, row.description, row.subject, row.expected_days, row.skip_weekends,
        row.is_active, lines,
    )  # fmt: skip


def told(row: Playbook) -> dict[str, Any]:
    """A playbook as JSON for the audit trail."""
    return asdict(input_of(row))


def _trimmed(line: TaskLine) -> TaskLine:
    return replace(
        line, title=line.title.strip(), reason=line.reason.strip(),
        owner_role=line.owner_role.strip(),
    )  # fmt: skip


def _write(row: Playbook, given: PlaybookInput) -> Playbook:
    for name in ("name", "description", "subject", "expected_days", "skip_weekends", "is_active"):
        setattr(row, name, getattr(given, name))
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        message = "Another playbook has this name; choose a different one."
        raise Conflict(message, path="/name", code="taken") from None
    row.tasks.all().delete()
    PlaybookTask.objects.bulk_create(
        PlaybookTask(playbook=row, position=number, **asdict(line))
        for number, line in enumerate(given.tasks)
    )
    return row


def _problems(given: PlaybookInput) -> list[Problem]:
    problems = []
    if not given.name or len(given.name) > MAX_TITLE:
        message = f"Give it a name of at most {MAX_TITLE} characters."
        problems.append(Problem("/name", message, "missing"))
    if given.subject not in PlaybookSubject.values:
        problems.append(Problem("/subject", "Choose company or person.", "unknown"))
    if given.expected_days is not None and not 1 <= given.expected_days <= MAX_DAYS:
        message = f"Between 1 and {MAX_DAYS:,} days, or empty."
        problems.append(Problem("/expected_days", message, "invalid"))
    if len(given.tasks) > MAX_TASKS:
        problems.append(Problem("/tasks", f"At most {MAX_TASKS} tasks.", "too_many"))
    types = TaskType.objects.in_bulk({line.type_id for line in given.tasks})
    users = set(
        User.objects.filter(
            pk__in={t.fallback_id for t in given.tasks if t.fallback_id}
        ).values_list("pk", flat=True)
    )
    known = known_tokens() if given.tasks else set()
    for index, line in enumerate(given.tasks):
        problems += line_problems(line, types.get(line.type_id), known, f"/tasks/{index}")
        if line.fallback_id and line.fallback_id not in users:
            path = f"/tasks/{index}/fallback"
            problems.append(Problem(path, "There is no such user.", "unknown"))
    return problems


def line_problems(
    line: TaskLine, type_: TaskType | None, known: set[str], path: str
) -> list[Problem]:
    """What is wrong with one task. `known`: names of tokens."""
    problems = text_problems(line.title, line.description, known, path)
    if len(line.title) > MAX_TITLE:
        problems.append(Problem(f"{path}/title", f"At most {MAX_TITLE} characters.", "too_long"))
    if len(line.description) > MAX_DESCRIPTION:
        message = f"At most {MAX_DESCRIPTION:,} characters."
        problems.append(Problem(f"{path}/description", message, "too_long"))
    if not 0 <= line.due_days <= MAX_DAYS:
        problems.append(Problem(f"{path}/due_days", f"Between 0 and {MAX_DAYS:,} days.", "invalid"))
    if line.priority not in Priority.values:
        problems.append(Problem(f"{path}/priority", "Choose 1, 2 or 3.", "invalid"))
    if len(line.owner_role) > 60:
        problems.append(Problem(f"{path}/owner_role", "At most 60 characters.", "too_long"))
    if type_ is None:
        problems.append(Problem(f"{path}/type", "Choose one of the task types.", "unknown"))
    else:
        problems += reason_problems(type_, line.reason, path)
    return problems

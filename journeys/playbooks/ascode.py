"""Playbooks and task types as code: everything they point at by name."""

from typing import Any, ClassVar

from pydantic import Field

from csplatform.accounts.models import User
from csplatform.ascode.kind import ExportKind, Fields
from csplatform.kit.errors import DomainError, Problem
from csplatform.kit.schema import Config
from journeys.models import Playbook, TaskType
from journeys.playbooks.operations.playbooks import (
    PlaybookInput,
    TaskLine,
    input_of,
    save_playbook,
)
from journeys.playbooks.operations.types import TypeInput, save_type


class TypeFields(Fields):
    """A kind of work."""

    icon: str = Field(default="task_alt", title="Icon")
    asks_outcome: bool = Field(default=False, title="Asks how it went")
    reasons: list[str] = Field(default=[], title="Reasons")
    position: int = Field(default=0, ge=0, le=30_000, title="Place")
    is_active: bool = Field(default=True, title="Active")


class TaskTypeKind(ExportKind):
    """A task type; playbooks and programs name it."""

    key: ClassVar[str] = "task_type"
    label: ClassVar[str] = "task type"
    model: ClassVar[Any] = TaskType
    Document: ClassVar[type[Fields]] = TypeFields

    def create(self, name: str, data: dict[str, Any], actor: Any) -> TaskType:
        """Through the operation."""
        return save_type(TypeInput(name, **data), actor=actor)

    def change(self, row: TaskType, data: dict[str, Any], actor: Any) -> None:
        """Through the operation."""
        save_type(TypeInput(row.name, **data), actor=actor, type_id=row.pk)


class LineFields(Config):
    """A task of a playbook."""

    title: str = Field(default="", title="Title")
    description: str = Field(default="", title="Description")
    # A name in files, an id everywhere else.
    type: int | str | None = Field(
        default=None, title="Type", json_schema_extra={"reference": "task_type"}
    )
    reason: str = Field(default="", title="Reason")
    priority: int = Field(default=2, title="Priority")
    due_days: int = Field(default=0, title="Due after days")
    owner_role: str = Field(default="csm", title="Owner")
    fallback: str = Field(default="", title="Otherwise")


class PlaybookFields(Fields):
    """A playbook with its tasks in their order."""

    description: str = Field(default="", title="Description")
    subject: str = Field(default="company", title="For")
    expected_days: int | None = Field(default=None, title="Expected length in days")
    skip_weekends: bool = Field(default=True, title="Skip weekends")
    is_active: bool = Field(default=True, title="Active")
    tasks: list[LineFields] = Field(default=[], title="Tasks")


class PlaybookKind(ExportKind):
    """A playbook: types by name, who gets it otherwise by user name."""

    key: ClassVar[str] = "playbook"
    label: ClassVar[str] = "playbook"
    model: ClassVar[Any] = Playbook
    Document: ClassVar[type[Fields]] = PlaybookFields
    subject_field: ClassVar[str] = "subject"
    related: ClassVar[tuple[str, ...]] = ("tasks__fallback",)

    def document(self, row: Playbook) -> dict[str, Any]:
        """As it would be given."""
        names = {t.fallback_id: t.fallback.username for t in row.tasks.all() if t.fallback}
        given = input_of(row)
        lines = [
            {
                "title": line.title, "description": line.description, "type": line.type_id,
                "reason": line.reason, "priority": int(line.priority), "due_days": line.due_days,
                "owner_role": line.owner_role, "fallback": names.get(line.fallback_id, ""),
            }
            for line in given.tasks
        ]  # fmt: skip
        plain = {n: getattr(given, n) for n in PlaybookFields.model_fields if n != "tasks"}
        return {**plain, "tasks": lines}

    def create(self, name: str, data: dict[str, Any], actor: Any) -> Playbook:
        """Through the operation."""
        return save_playbook(_given(name, data), actor=actor)

    def change(self, row: Playbook, data: dict[str, Any], actor: Any) -> None:
        """Through the operation; runs under way keep what they started with."""
        save_playbook(_given(row.name, data), actor=actor, playbook_id=row.pk)


def _given(name: str, data: dict[str, Any]) -> PlaybookInput:
    """Raises DomainError for a user that is not there."""
    wanted = {line.get("fallback") or "" for line in data["tasks"]} - {""}
    rows = User.objects.filter(username__in=wanted).order_by()
    users = dict(rows.values_list("username", "pk"))
    problems = [
        Problem(f"/tasks/{index}/fallback", f"There is no user “{line['fallback']}”.", "unknown")
        for index, line in enumerate(data["tasks"])
        if line.get("fallback") and line["fallback"] not in users
    ]
    if problems:
        raise DomainError(problems)
    lines = [
        TaskLine(
            line.get("title", ""), line.get("type") or 0, line.get("description", ""),
            line.get("reason", ""), line.get("priority", 2), line.get("due_days", 0),
            line.get("owner_role", "csm"), users.get(line.get("fallback", "")),
        )
        for line in data["tasks"]
    ]  # fmt: skip
    return PlaybookInput(name, **{n: v for n, v in data.items() if n != "tasks"}, tasks=lines)

"""The list of task types, kept by admins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from csplatform.kit import audit
from csplatform.kit.errors import Conflict, DomainError
from csplatform.kit.permissions import require
from journeys.models import TaskType
from journeys.models.task import REASON
from journeys.usage import programs_naming

TYPE_PATH = '$.** ? (@.config.type == $value || (@.test == "task" && @.type == $value))'


@dataclass(frozen=True)
class TypeInput:
    """What a task type is."""

    name: str
    icon: str = "task_alt"
    asks_outcome: bool = False
    reasons: Sequence[str] = ()
    position: int = 0
    is_active: bool = True


def save_type(given: TypeInput, *, actor: Any, type_id: int | None = None) -> TaskType:
    """Make a type, or change one. Raises DomainError with paths, Conflict for a taken name."""
    require(actor, f"journeys.{'change' if type_id else 'add'}_tasktype")
    values = _checked(given)
    with transaction.atomic():
        row = TaskType.objects.select_for_update().get(pk=type_id) if type_id else TaskType()
        before = {name: getattr(row, name) for name in values} if type_id else {}
        for name, value in values.items():
            setattr(row, name, value)
        try:
            with transaction.atomic():
                row.save()
        except IntegrityError:
            message = "Another type has this name; choose a different one."
            raise Conflict(message, path="/name", code="taken") from None
        verb = "task_type.change" if type_id else "task_type.add"
        audit.record(actor, verb, row, before=before, after=values)
    return row


def delete_type(type_id: int, *, actor: Any) -> None:
    """Delete a type that nothing uses. Raises Conflict saying what does: switch it off instead."""
    require(actor, "journeys.delete_tasktype")
    with transaction.atomic():
        row = TaskType.objects.select_for_update().get(pk=type_id)
        named = [f"“{program}”" for program in programs_naming(TYPE_PATH, type_id)[:5]]
        if named:
            message = f"“{row}” is used by {', '.join(named)}; switch it off instead."
            raise Conflict(message, code="in_use")
        audit.record(actor, "task_type.delete", row, before={"name": row.name})
        try:
            row.delete()
        except ProtectedError:
            message = f"There are tasks or playbooks of the type “{row}”; switch it off instead."
            raise Conflict(message, code="in_use") from None


def _checked(given: TypeInput) -> dict[str, Any]:
    name = given.name.strip()
    reasons = [word.strip() for word in given.reasons if word.strip()]
    if not name or len(name) > 60:
        raise DomainError("Give it a name of at most 60 characters.", path="/name", code="missing")
    if any(len(word) > REASON for word in reasons) or len(reasons) > 50:
        message = f"At most 50 reasons of {REASON} characters each."
        raise DomainError(message, path="/reasons", code="too_long")
    return {
        "name": name,
        "icon": given.icon.strip() or "task_alt",
        "asks_outcome": given.asks_outcome,
        "reasons": list(dict.fromkeys(reasons)),
        "position": given.position,
        "is_active": given.is_active,
    }

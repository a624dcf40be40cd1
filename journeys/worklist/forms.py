"""The form of a task in the side panel."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from csplatform.customers.models import Company, Person
from csplatform.kit.errors import DomainError, Problem
from journeys.models import Task
from journeys.playbooks.operations.change import edit_task
from journeys.playbooks.operations.create import NewTask, create_tasks

FIELDS = ("title", "description", "type", "reason", "priority", "due_on", "assignee")
MAX_ID = 2**63 - 1


class TaskForm:
    """Values as they stand in the inputs, and what is wrong with them by field.

    Attributes:
        said: what was done, for the page.
    """

    def __init__(self, values: Mapping[str, str], task: Task | None = None) -> None:
        names = (*FIELDS, "company", "person")
        self.values = {name: str(values.get(name, "")) for name in names}
        self.task = task
        self.errors: dict[str, list[str]] = {}
        self.said = ""

    @classmethod
    def of(cls, task: Task, data: Mapping[str, str] | None = None) -> "TaskForm":
        """For a task: its own values, or those that were sent."""
        if data is not None:
            return cls(data, task)
        own = {
            "title": task.title, "description": task.description, "type": str(task.type_id),
            "reason": task.reason, "priority": str(task.priority),
            "due_on": task.due_on.isoformat() if task.due_on else "",
            "assignee": str(task.assignee_id or ""),
        }  # fmt: skip
        return cls(own, task)

    @classmethod
    def blank(cls, user: Any, **given: str) -> "TaskForm":
        """For a new task of one's own."""
        return cls({"assignee": str(user.pk), "priority": "2", **given})

    @property
    def subject(self) -> Company | Person | None:
        """Whom a new task is about."""
        if self.values["person"]:
            return Person.objects.filter(pk=self._id("person") or 0).first()
        return Company.objects.filter(pk=self._id("company") or 0).first()

    def save(self, user: Any) -> bool:
        """Write it; False with `errors` when something is wrong."""
        try:
            values = self._parsed()
            if self.task is not None:
                edit_task(self.task.pk, values, actor=user)
                self.said = "Saved."
            else:
                self._create(values, user)
        except DomainError as error:
            for problem in error.problems:
                name = problem.path.rsplit("/", 1)[-1]
                self.errors.setdefault(name if name in self.values else "", []).append(
                    problem.message
                )
            return False
        return True

    def _create(self, values: dict[str, Any], user: Any) -> None:
        new = NewTask(
            **values, person_id=self._id("person"), company_id=self._id("company"),
            guarded=bool(values["reason"]),
        )  # fmt: skip
        (made,) = create_tasks([new], actor=user)
        self.said = "Added." if made.new else (
            "A task of this type and reason was open already; it has been updated."
        )  # fmt: skip

    def _parsed(self) -> dict[str, Any]:
        """Values for the operation. Raises DomainError."""
        due = self.values["due_on"]
        try:
            due_on = date.fromisoformat(due) if due else None
        except ValueError:
            raise DomainError([Problem("/due_on", "Enter a date.", "invalid")]) from None
        priority = self.values["priority"]
        return {
            "title": self.values["title"],
            "description": self.values["description"].replace("\r\n", "\n"),
            "type_id": self._id("type") or 0,
            "reason": self.values["reason"],
            "priority": int(priority) if priority.isdecimal() and len(priority) < 3 else 2,
            "due_on": due_on,
            "assignee_id": self._id("assignee"),
        }

    def _id(self, name: str) -> int | None:
        text = self.values[name]
        return min(int(text), MAX_ID) if text.isdecimal() and len(text) < 20 else None

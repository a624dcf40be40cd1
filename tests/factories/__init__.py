"""Plain keyword functions that make rows; each test shows only the facts that matter to it."""

import itertools
from collections.abc import Sequence
from typing import Any

from csplatform.accounts.models import User
from csplatform.customers.models import Company, Membership, Person
from csplatform.segments.models import Segment
from journeys.models import EmailTemplate, Playbook, Program, Task, TaskType, WebhookEndpoint
from journeys.operations.draft import create_program, save_draft
from journeys.operations.publish import publish_program
from journeys.playbooks.operations.create import NewTask, create_tasks
from journeys.playbooks.operations.playbooks import PlaybookInput, TaskLine, save_playbook
from journeys.webhooks.operations import EndpointInput, create_endpoint

_numbers = itertools.count(1)


def staff(role: str = "admin", **more: Any) -> User:
    """A staff user with a role."""
    number = next(_numbers)
    values = {"username": f"{role}{number}", "role": role, "is_staff": True, **more}
    return User.objects.create_user(password="walk-the-dog-7", **values)


def company(**more: Any) -> Company:
    """A company."""
    return Company.objects.create(**{"name": f"Company {next(_numbers)}", **more})


def person(*, at: Company | None = None, **more: Any) -> Person:
    """A person, at a company if one is given."""
    number = next(_numbers)
    made = Person.objects.create(
        **{"name": f"Person {number}", "email": f"p{number}@example.com", **more}
    )
    if at is not None:
        Membership.objects.create(person=made, company=at, is_primary=True)
    return made


def people(count: int) -> list[Person]:
    """Many people in one query."""
    start = next(_numbers) * 1_000_000
    return Person.objects.bulk_create(
        Person(name=f"Person {start + n}", email=f"p{start + n}@example.com") for n in range(count)
    )


def mail_template(**more: Any) -> EmailTemplate:
    """A short mail."""
    blocks = [{"kind": "text", "text": "Hello {{ person.name }}"}]
    values = {"name": f"Mail {next(_numbers)}", "subject": "Hello", "blocks": blocks, **more}
    return EmailTemplate.objects.create(**values)


def webhook_endpoint(**more: Any) -> tuple[WebhookEndpoint, str]:
    """An endpoint and its secret. Its host is one that no test reaches."""
    name = f"Endpoint {next(_numbers)}"
    given = EndpointInput(**{"name": name, "url": "https://hooks.example.com/in", **more})
    return create_endpoint(given, actor=None)


def task_type(**more: Any) -> TaskType:
    """A type of tasks."""
    return TaskType.objects.create(**{"name": f"Type {next(_numbers)}", **more})


def task(*, type: TaskType | None = None, **more: Any) -> Task:
    """A task about a new company, unless told about whom."""
    if not {"person_id", "company_id"} & set(more):
        more["company_id"] = company().pk
    values = {"title": f"Task {next(_numbers)}", "type_id": (type or task_type()).pk, **more}
    (made,) = create_tasks([NewTask(**values)], actor=None)
    return Task.objects.get(pk=made.task_id)


def playbook(*lines: dict[str, Any], **more: Any) -> Playbook:
    """A playbook with these tasks, or with one."""
    kind = task_type()
    given = [TaskLine(**{"title": "Do it", "type_id": kind.pk, **line}) for line in lines or [{}]]
    return save_playbook(
        PlaybookInput(**{"name": f"Playbook {next(_numbers)}", "tasks": given, **more}), actor=None
    )


def step(
    kind: str, key: str, *, name: str = "", exits: Any = None, **config: Any
) -> dict[str, Any]:
    """One step of a flow document."""
    data: dict[str, Any] = {"key": key, "kind": kind, "name": name or key, "config": config}
    if exits:
        data["exits"] = exits
    return data


def flow(*steps: dict[str, Any], entry: Any = None, **more: Any) -> dict[str, Any]:
    """A flow document."""
    return {"entry": entry or {"sources": []}, "steps": list(steps), **more}


def program(
    *steps: dict[str, Any], type: str = "person", publish: bool = True, **more: Any
) -> Program:
    """A program with these steps, published unless told otherwise."""
    made = create_program(
        name=f"Program {next(_numbers)}", type=type, actor=None, document=flow(*steps, **more)
    )
    if publish:
        publish_program(made.pk, actor=None)
        made.refresh_from_db()
    return made


def ids(rows: Sequence[Any]) -> list[int]:
    """Primary keys."""
    return [row.pk for row in rows]


def publish_again(program: Program, document: dict[str, Any]) -> Program:
    """The next version of a program, with another flow."""
    program.refresh_from_db()
    save_draft(program.pk, document, revision=program.draft_revision, actor=None)
    publish_program(program.pk, actor=None)
    program.refresh_from_db()
    return program


__all__ = ["Segment", "company", "flow", "ids", "mail_template", "people", "person", "playbook",
           "program", "staff", "step", "task", "task_type", "webhook_endpoint"]  # fmt: skip

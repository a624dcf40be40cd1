"""Drafts: create, edit, clone, delete."""

import copy
import math
import re
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from csplatform.kit import audit
from csplatform.kit.errors import Conflict, DomainError
from csplatform.kit.permissions import require
from journeys.flow.document import dump
from journeys.flow.models import DEFAULT, flow_of
from journeys.flow.parse import parse_flow
from journeys.models import Folder, Program
from journeys.models.program import ProgramState, ProgramType

_UNSTORABLE = re.compile("[\\x00\\ud800-\\udfff]")
MAX_DOCUMENT_BYTES = 2_000_000


def create_program(
    *,
    name: str,
    type: str = ProgramType.PERSON,
    model: str = DEFAULT,
    folder: Folder | None = None,
    description: str = "",
    actor: Any,
    document: Mapping[str, Any] | None = None,
) -> Program:
    """A new draft, with `document` or with what its model starts with.

    Raises DomainError for an empty name, an unknown type or model, or a bad document.
    """
    require(actor, "journeys.add_program")
    name = name.strip()
    if not name or len(name) > 200:
        raise DomainError("Give the program a name of at most 200 characters.", path="/name")
    if type not in ProgramType.values:
        raise DomainError("A program is for people or for companies.", path="/type")
    start = flow_of(model, type)
    draft = _checked(start if document is None else dict(document))
    with transaction.atomic():
        program = Program.objects.create(
            name=name, type=type, model=model, folder=folder, description=description,
            draft=draft, created_by=actor,
        )  # fmt: skip
        audit.record(
            actor, "program.create", program, after={"name": name, "type": type, "model": model}
        )
    return program


def save_draft(program_id: int, document: Any, *, revision: int, actor: Any) -> Program:
    """Store an edited flow document.

    Args:
        revision: the draft_revision that the edit was based on.

    Raises Conflict when somebody else saved in between (nothing is lost: the caller still has
    its document), DomainError with paths for a document that is no flow.
    """
    require(actor, "journeys.change_program")
    flow = _checked(document)
    with transaction.atomic():
        saved = Program.objects.filter(pk=program_id, draft_revision=revision).exclude(
            state__in=[ProgramState.STOPPED, ProgramState.SCHEDULED]
        )
        if not saved.update(draft=flow, draft_revision=revision + 1):
            _refuse_save(program_id, revision)
    return Program.objects.get(pk=program_id)


def _checked(document: Any) -> dict[str, Any]:
    """The document in its stored form. Raises DomainError for what no flow or no JSON can hold."""
    flow = dump(parse_flow(document))
    _refuse_unstorable(flow, "")
    return flow


def _refuse_unstorable(value: Any, path: str) -> None:
    """Text that PostgreSQL does not take: NUL characters, halves of characters, endless numbers."""
    if isinstance(value, dict):
        for key, part in value.items():
            _refuse_unstorable(str(key), path)
            _refuse_unstorable(part, f"{path}/{key}")
    elif isinstance(value, list):
        for index, part in enumerate(value):
            _refuse_unstorable(part, f"{path}/{index}")
    elif isinstance(value, float) and not math.isfinite(value):
        raise DomainError("This number is too large.", path=path, code="invalid")
    elif isinstance(value, str) and _UNSTORABLE.search(value):
        raise DomainError("It holds a character that cannot be stored.", path=path, code="invalid")


def _refuse_save(program_id: int, revision: int) -> None:
    program = Program.objects.filter(pk=program_id).first()
    if program is None:
        raise Conflict("This program was deleted.", code="deleted")
    if program.draft_revision != revision:
        raise Conflict("Somebody else changed this flow in the meantime.", code="stale")
    raise Conflict(f"A {program.get_state_display().lower()} program cannot be edited.")


def discard_changes(program_id: int, *, actor: Any) -> Program:
    """Put the draft back to the published flow."""
    require(actor, "journeys.change_program")
    with transaction.atomic():
        program = Program.objects.select_for_update(no_key=True).get(pk=program_id)
        if program.published is None:
            raise Conflict("This program was never published, so there is nothing to go back to.")
        program.draft = program.published.in_force()
        program.draft_revision += 1
        program.save(update_fields=["draft", "draft_revision", "updated_at"])
        audit.record(actor, "program.discard", program)
    return program


def update_details(
    program_id: int, *, actor: Any, name: str, description: str, folder: Folder | None
) -> Program:
    """Name, description and folder."""
    require(actor, "journeys.change_program")
    if not name.strip():
        raise DomainError("Give the program a name.", path="/name")
    with transaction.atomic():
        program = Program.objects.select_for_update(no_key=True).get(pk=program_id)
        before = {"name": program.name, "description": program.description}
        program.name, program.description, program.folder = name.strip(), description, folder
        program.save(update_fields=["name", "description", "folder", "updated_at"])
        audit.record(
            actor, "program.change", program, before=before,
            after={"name": program.name, "description": description},
        )  # fmt: skip
    return program


def clone_program(program_id: int, *, actor: Any) -> Program:
    """A draft with the same flow."""
    require(actor, "journeys.add_program")
    original = Program.objects.get(pk=program_id)
    return create_program(
        name=f"{original.name[:190]} (copy)",
        type=original.type,
        model=original.model,
        folder=original.folder,
        description=original.description,
        actor=actor,
        document=copy.deepcopy(original.draft),
    )


def delete_program(program_id: int, *, actor: Any) -> None:
    """Delete a draft that nobody ever travelled; anything else is history and stays."""
    require(actor, "journeys.delete_program")
    with transaction.atomic():
        program = Program.objects.select_for_update().get(pk=program_id)
        if program.state != ProgramState.DRAFT or program.published_id is not None:
            raise Conflict("Only drafts that were never published can be deleted; stop it instead.")
        audit.record(actor, "program.delete", program, before={"draft": program.draft})
        program.delete()

"""Drafts: create, edit, clone, delete."""

import copy
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from csplatform.api.parsing import unfit_places
from csplatform.kit import audit
from csplatform.kit.errors import Conflict, DomainError
from csplatform.kit.permissions import require
from journeys.flow.document import dump
from journeys.flow.entry import source_items
from journeys.flow.models import DEFAULT, flow_of
from journeys.flow.parse import parse_flow
from journeys.models import Folder, Program
from journeys.models.program import ProgramState, ProgramType

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


def save_draft(
    program_id: int, document: Any, *, revision: int, actor: Any, audit_as: str = ""
) -> Program:
    """Store an edited flow document.

    Args:
        revision: the draft_revision that the edit was based on.
        audit_as: verb of an audit entry, for what replaces a whole flow (a restored version, an
            import); edits one by one leave none.

    Raises Conflict when somebody else saved in between (nothing is lost: the caller still has
    its document), DomainError with paths for a document that is no flow.
    """
    require(actor, "journeys.change_program")
    flow = _checked(document)
    with transaction.atomic():
        saved = Program.objects.filter(
            pk=program_id, draft_revision=revision, publish_at=None
        ).exclude(state=ProgramState.STOPPED)
        if not saved.update(draft=flow, draft_revision=revision + 1, publish_failure=[]):
            _refuse_save(program_id, revision)
        program = Program.objects.get(pk=program_id)
        if audit_as:
            audit.record(actor, audit_as, program, after={"revision": program.draft_revision})
    return program


def _checked(document: Any) -> dict[str, Any]:
    """The document in its stored form. Raises DomainError for what no flow or no JSON can hold."""
    flow = dump(parse_flow(document))
    if problems := unfit_places(flow):
        raise DomainError(problems)
    return flow


def _refuse_save(program_id: int, revision: int) -> None:
    program = Program.objects.filter(pk=program_id).first()
    if program is None:
        raise Conflict("This program was deleted.", code="deleted")
    if program.draft_revision != revision:
        raise Conflict("Somebody else changed this flow in the meantime.", code="stale")
    _refuse_frozen(program)


def _refuse_frozen(program: Program) -> None:
    """Raises Conflict when the draft may not be changed: scheduled, or over."""
    if program.publish_at is not None:
        message = (
            f"Its publishing is scheduled for {program.publish_at:%d %b %Y, %H:%M} UTC:"
            " take it back to draft before you change it."
        )
        raise Conflict(message, code="scheduled")
    if not program.editable:
        raise Conflict("A stopped program cannot be edited: clone it.", code="state")


def discard_changes(program_id: int, *, actor: Any, revision: int | None = None) -> Program:
    """Put the draft back to the published flow.

    Raises Conflict when there is none, or when the draft is no longer at `revision` (if given).
    """
    require(actor, "journeys.change_program")
    with transaction.atomic():
        program = Program.objects.select_for_update(no_key=True).get(pk=program_id)
        if program.published is None:
            raise Conflict("This program was never published, so there is nothing to go back to.")
        if revision is not None and program.draft_revision != revision:
            raise Conflict("Somebody else changed this flow in the meantime.", code="stale")
        _refuse_frozen(program)
        program.draft = program.published.in_force()
        program.draft_revision += 1
        program.publish_failure = []
        program.save(update_fields=["draft", "draft_revision", "publish_failure", "updated_at"])
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
        program = (
            Program.objects.select_for_update(no_key=True, of=("self",))
            .select_related("folder")
            .get(pk=program_id)
        )
        before = _details(program)
        program.name, program.description, program.folder = name.strip(), description, folder
        program.save(update_fields=["name", "description", "folder", "updated_at"])
        audit.record(actor, "program.change", program, before=before, after=_details(program))
    return program


def _details(program: Program) -> dict[str, str]:
    return {
        "name": program.name, "description": program.description, "folder": program.folder_name,
    }  # fmt: skip


def without_files(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document without its uploaded files: their rows are data, and stay with the program."""
    entry = document.get("entry", {})
    sources = [source for source in source_items(entry) if source.get("kind") != "csv"]
    if len(sources) == len(source_items(entry)):
        return dict(document)
    return {**document, "entry": {**entry, "sources": sources}}


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
        document=without_files(copy.deepcopy(original.draft)),
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

"""A program from a template of the gallery, with all that it needs (PRG-83)."""

from collections.abc import Sequence
from typing import Any

from csplatform.ascode.importing import CREATE, REUSE, apply_documents, read_documents
from csplatform.ascode.kind import Change
from csplatform.kit.permissions import require
from journeys.flow.gallery import Template
from journeys.models import Program


def use_template(
    template: Template, *, name: str = "", folder: str = "", description: str = "", actor: Any
) -> tuple[Program, Sequence[Change]]:
    """A draft, and what came along with it, in one transaction.

    What of the template's segments, mails and engagements is there already, by name, is used as it
    is; the program is always a new one.

    Args:
        name, description: "" for the template's own; folder: its name, "" for none.

    Raises NotAllowed, or DomainError, e.g. when a name is taken by something that does not fit.
    """
    require(actor, "journeys.add_program")
    documents = read_documents([dict(item) for item in template.documents])
    for document in documents:
        document.policy = REUSE
    program = documents[-1]
    program.policy, program.name = CREATE, name.strip() or program.name
    program.data["folder"] = folder.strip() or None
    program.data["description"] = description.strip() or program.data["description"]
    changes = apply_documents(documents, actor=actor).changes
    return changes[-1].row, changes[:-1]

"""Mail templates as code."""

from contextlib import suppress
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import Field

from csplatform.ascode.kind import ExportKind, Fields
from csplatform.kit.blocks import dump_blocks, parse_blocks
from csplatform.kit.errors import DomainError, Problem
from journeys.emails.checks import content_problems
from journeys.emails.render import content_of
from journeys.models import EmailTemplate
from journeys.operations.templates import TemplateInput, save_template


class TemplateFields(Fields):
    """What a mail says."""

    subject: str = Field(default="", title="Subject")
    preheader: str = Field(default="", title="Preheader")
    sender_name: str = Field(default="", title="Sender name")
    reply_to: str = Field(default="", title="Reply to")
    category: int | str | None = Field(
        default=None, title="Category", json_schema_extra={"reference": "mail_category"}
    )
    blocks: list[dict[str, Any]] = Field(default=[], title="Block")


class EmailTemplateKind(ExportKind):
    """A mail template with its blocks."""

    key: ClassVar[str] = "email_template"
    label: ClassVar[str] = "mail template"
    model: ClassVar[Any] = EmailTemplate
    Document: ClassVar[type[Fields]] = TemplateFields

    def document(self, row: EmailTemplate) -> dict[str, Any]:
        """As stored, blocks with all their settings."""
        found = super().document(row) | {"category": row.category_id}
        with suppress(DomainError):
            found["blocks"] = dump_blocks(parse_blocks(row.blocks))
        return found

    def normal(self, data: dict[str, Any]) -> dict[str, Any]:
        """Blocks in their stored form."""
        words = {n: value.strip() if isinstance(value, str) else value for n, value in data.items()}
        return {**words, "blocks": dump_blocks(parse_blocks(data["blocks"]))}

    def create(self, name: str, data: dict[str, Any], actor: Any) -> EmailTemplate:
        """Through the operation."""
        return save_template(TemplateInput(name, **data), actor=actor)

    def change(self, row: EmailTemplate, data: dict[str, Any], actor: Any) -> None:
        """Through the operation; mails that left keep what they said."""
        save_template(TemplateInput(row.name, **data), actor=actor, template_id=row.pk)

    def remarks(self, row: EmailTemplate) -> list[Problem]:
        """Unknown tokens and the like: a program that sends it could not be published."""
        return [replace(p, level="warning") for p in content_problems(content_of(row))]

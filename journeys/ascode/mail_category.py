"""Mail categories as code."""

from typing import Any, ClassVar

from pydantic import Field

from csplatform.ascode.kind import ExportKind, Fields
from journeys.consent.operations import save_category
from journeys.models import MailCategory


class CategoryFields(Fields):
    """What a category is about."""

    description: str = Field(default="", title="Description")
    is_operational: bool = Field(default=False, title="Operational")


class MailCategoryKind(ExportKind):
    """A category of mails; who unsubscribed from it stays in the database."""

    key: ClassVar[str] = "mail_category"
    label: ClassVar[str] = "mail category"
    model: ClassVar[Any] = MailCategory
    Document: ClassVar[type[Fields]] = CategoryFields

    def normal(self, data: dict[str, Any]) -> dict[str, Any]:
        """As the operation keeps it."""
        return {**data, "description": data["description"].strip()}

    def create(self, name: str, data: dict[str, Any], actor: Any) -> MailCategory:
        """Through the operation."""
        return save_category(name, **data, actor=actor)

    def change(self, row: MailCategory, data: dict[str, Any], actor: Any) -> None:
        """Through the operation."""
        save_category(row.name, **data, actor=actor, category_id=row.pk)

"""Webhook endpoints as code: without their secrets and headers, which never leave the database."""

from typing import Any, ClassVar

from pydantic import Field

from csplatform.ascode.kind import ExportKind, Fields
from csplatform.kit.errors import Problem
from journeys.models import WebhookEndpoint
from journeys.webhooks.operations import EndpointInput, change_endpoint, create_endpoint


class EndpointFields(Fields):
    """Where messages go."""

    url: str = Field(default="", title="Address")
    is_active: bool = Field(default=True, title="Active")


class WebhookEndpointKind(ExportKind):
    """An endpoint's address and switch."""

    key: ClassVar[str] = "webhook_endpoint"
    label: ClassVar[str] = "webhook endpoint"
    model: ClassVar[Any] = WebhookEndpoint
    Document: ClassVar[type[Fields]] = EndpointFields

    def normal(self, data: dict[str, Any]) -> dict[str, Any]:
        """The address as the operation keeps it."""
        return {**data, "url": data["url"].strip()}

    def create(self, name: str, data: dict[str, Any], actor: Any) -> WebhookEndpoint:
        """Through the operation, with a secret of its own that nobody has seen."""
        row, _ = create_endpoint(EndpointInput(name, **data), actor=actor)
        return row

    def change(self, row: WebhookEndpoint, data: dict[str, Any], actor: Any) -> None:
        """Through the operation; secret and headers stay."""
        change_endpoint(row.pk, EndpointInput(row.name, **data), actor=actor)

    def remarks(self, row: WebhookEndpoint) -> list[Problem]:
        """What a file cannot bring along."""
        text = "Secret and headers are not in the file: rotate the secret to see a new endpoint’s."
        return [Problem("", text, "secret", "warning")]

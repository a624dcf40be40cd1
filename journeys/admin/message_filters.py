"""Filters of the message desk."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from journeys.channels import channels
from journeys.models import Outbox, WebhookEndpoint
from journeys.models.outbox import ENDPOINT_ID

MAX_OFFERED = 200


class ChannelFilter(admin.SimpleListFilter):
    """Mails, webhooks and what else is registered."""

    title = "channel"
    parameter_name = "channel"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """All channels."""
        return [(key, channel.label) for key, channel in channels.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Outbox]) -> QuerySet[Outbox]:
        """Messages of the chosen one."""
        return queryset.filter(channel=self.value()) if self.value() else queryset


class EndpointFilter(admin.SimpleListFilter):
    """Webhooks of one endpoint."""

    title = "webhook endpoint"
    parameter_name = "endpoint"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """All endpoints."""
        rows = WebhookEndpoint.objects.values_list("pk", "name")[:MAX_OFFERED]
        return [(str(pk), name) for pk, name in rows]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Outbox]) -> QuerySet[Outbox]:
        """Its messages; none for what is no number."""
        value = self.value()
        if not value:
            return queryset
        if not value.isdigit() or len(value) > 18:
            return queryset.none()
        return queryset.alias(to_endpoint=ENDPOINT_ID).filter(
            channel="webhook", to_endpoint=int(value)
        )

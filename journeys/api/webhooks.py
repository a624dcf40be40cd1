"""Webhook endpoints over HTTP. Secrets and headers go in and never come out again."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from csplatform.api.fields import ShapeSerializer
from csplatform.api.viewsets import ReadViewSet
from csplatform.ascode.api import ExportMixin
from journeys.api.messages import MessageSerializer
from journeys.filters import EndpointFilter
from journeys.models import WebhookEndpoint
from journeys.webhooks.operations import (
    EndpointInput,
    change_endpoint,
    create_endpoint,
    delete_endpoint,
    rotate_secret,
    send_test,
)

FIELDS = ("name", "url", "is_active")


class EndpointSerializer(serializers.ModelSerializer):
    """An endpoint as answered."""

    url = serializers.CharField()
    has_headers = serializers.SerializerMethodField(
        help_text="Whether extra headers are sent. They are never shown."
    )

    class Meta:
        model = WebhookEndpoint
        fields = [
            "id", *FIELDS, "off_reason", "has_headers", "failures", "paused_until",
            "old_secret_until", "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_has_headers(self, row: WebhookEndpoint) -> bool:
        """Whether there are any."""
        return bool(row.sealed_headers)


class EndpointWithSecret(EndpointSerializer):
    """An endpoint with its new secret, this once."""

    secret = serializers.SerializerMethodField()

    class Meta(EndpointSerializer.Meta):
        fields = [*EndpointSerializer.Meta.fields, "secret"]
        read_only_fields = fields

    @extend_schema_field(OpenApiTypes.STR)
    def get_secret(self, row: WebhookEndpoint) -> str:
        """From the view; it is stored nowhere in the clear."""
        return str(self.context["secret"])


@extend_schema_field({"type": "object", "additionalProperties": {"type": "string"}})
class HeadersField(serializers.DictField):
    """Names and values of headers; write-only."""

    child = serializers.CharField(max_length=1000, trim_whitespace=False)


class EndpointChange(ShapeSerializer):
    """What may change of an endpoint; what is not given stays. `headers` replaces all of them."""

    name = serializers.CharField(required=False, max_length=200)
    url = serializers.CharField(required=False, max_length=2000)
    is_active = serializers.BooleanField(required=False)
    headers = HeadersField(required=False, write_only=True)


class EndpointGiven(EndpointChange):
    """An endpoint to make."""

    name = serializers.CharField(max_length=200)
    url = serializers.CharField(max_length=2000)


CRM = {
    "name": "CRM",
    "url": "https://crm.example.com/hooks/customer-success",
    "headers": {"Authorization": "Bearer a-token-of-the-crm"},
}


class EndpointViewSet(ExportMixin, ReadViewSet):
    """Where webhooks of programs go."""

    queryset = WebhookEndpoint.objects.all()
    serializer_class = EndpointSerializer
    filterset_class = EndpointFilter
    ordering = "name"
    ordering_fields = ("id", "name")
    secret_actions = ("create", "rotate_secret")
    permissions = {
        "list": "journeys.view_webhookendpoint",
        "retrieve": "journeys.view_webhookendpoint",
        "create": "journeys.add_webhookendpoint",
        "partial_update": "journeys.change_webhookendpoint",
        "destroy": "journeys.delete_webhookendpoint",
        "rotate_secret": "journeys.change_webhookendpoint",
        "test": "journeys.change_webhookendpoint",
        "export": "journeys.view_webhookendpoint",
    }

    @extend_schema(
        request=EndpointGiven,
        responses={201: EndpointWithSecret},
        examples=[OpenApiExample("A CRM", CRM, request_only=True)],
    )
    def create(self, request: Request) -> Response:
        """Make an endpoint. The answer shows its secret, this once."""
        shape = EndpointGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        row, secret = create_endpoint(EndpointInput(**shape.validated_data), actor=request.user)
        return _with_secret(row, secret, status.HTTP_201_CREATED)

    @extend_schema(request=EndpointChange, responses=EndpointSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change an endpoint; what waits goes to the new address."""
        row = self.get_object()
        shape = EndpointChange(data=request.data)
        shape.is_valid(raise_exception=True)
        kept: dict[str, Any] = {name: getattr(row, name) for name in FIELDS}
        given = EndpointInput(**{**kept, **shape.validated_data})
        row = change_endpoint(row.pk, given, actor=request.user)
        return Response(EndpointSerializer(row).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete an endpoint that no living program uses; what waits for it is cancelled."""
        delete_endpoint(self.get_object().pk, actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=EndpointWithSecret)
    @action(detail=True, methods=["post"], url_path="rotate-secret")
    def rotate_secret(self, request: Request, pk: str) -> Response:
        """A new secret, shown this once. The old one stays valid for 24 hours beside it."""
        row, secret = rotate_secret(self.get_object().pk, actor=request.user)
        return _with_secret(row, secret, status.HTTP_200_OK)

    @extend_schema(request=None, responses={202: MessageSerializer})
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str) -> Response:
        """Send a message about nobody, also when it is switched off; read the message to see what
        became of it."""
        message = send_test(self.get_object().pk, actor=request.user)
        return Response(MessageSerializer(message).data, status=status.HTTP_202_ACCEPTED)


def _with_secret(row: WebhookEndpoint, secret: str, code: int) -> Response:
    data = EndpointWithSecret(row, context={"secret": secret}).data
    return Response(data, status=code, headers={"Cache-Control": "no-store"})

"""The usage tree over HTTP."""

from typing import Any

import django_filters
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from csplatform.api.fields import ShapeSerializer
from csplatform.api.filters import IdFilter, PrefixSearch
from csplatform.api.viewsets import ReadViewSet
from csplatform.ascode.api import ExportMixin
from csplatform.usage.models import Level, Measure, Product, UsagePart
from csplatform.usage.operations.tree import PartInput, delete_part, save_part

CHANGEABLE = ("label", "event", "where", "adopted_measure", "adopted_count", "adopted_days")


@extend_schema_field({"type": "array", "items": {"type": "object", "additionalProperties": True}})
class DemandsField(serializers.JSONField):
    """Demands on properties, as in the test “event” of rules."""

    default_error_messages = {"list": "Expected a list of conditions."}

    def to_internal_value(self, data: Any) -> Any:
        """The list. Raises ValidationError for anything else."""
        if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
            self.fail("list")
        return super().to_internal_value(data)


class UsagePartSerializer(serializers.ModelSerializer):
    """A part as answered."""

    where = DemandsField()

    class Meta:
        model = UsagePart
        fields = ["id", "path", "level", "parent", "name", "position", *CHANGEABLE]
        read_only_fields = fields


class PartChange(ShapeSerializer):
    """What may change later."""

    label = serializers.CharField(required=False, max_length=100)  # type: ignore[assignment]
    event = serializers.CharField(required=False, max_length=200, allow_blank=True)
    where = DemandsField(required=False)
    adopted_measure = serializers.ChoiceField(Measure.choices, required=False, allow_blank=True)
    adopted_count = serializers.IntegerField(required=False, allow_null=True)
    adopted_days = serializers.IntegerField(required=False, allow_null=True)


class PartGiven(PartChange):
    """A part to create."""

    name = serializers.RegexField("^[a-z0-9][a-z0-9_-]*$", max_length=60)
    parent = serializers.CharField(  # type: ignore[assignment]
        required=False, max_length=200, help_text="Path of the part above; none for a product."
    )


class PartFilter(django_filters.FilterSet):
    """Parts by level, place, event and label."""

    search = PrefixSearch("label", "path", label="Beginning of label or path")
    level = django_filters.ChoiceFilter(choices=Level.choices)
    parent = IdFilter(field_name="parent_id", label="Id of the part above")
    event = django_filters.CharFilter(label="Name of the event that is its use")

    class Meta:
        model = UsagePart
        fields: list[str] = []


class PartViewSet(ReadViewSet):
    """Products, modules and features."""

    queryset = UsagePart.objects.all()
    serializer_class = UsagePartSerializer
    filterset_class = PartFilter
    ordering = "id"
    permissions = {
        "list": "usage.view_usagepart",
        "retrieve": "usage.view_usagepart",
        "create": "usage.add_usagepart",
        "partial_update": "usage.change_usagepart",
        "destroy": "usage.delete_usagepart",
    }

    @extend_schema(
        request=PartGiven,
        responses={201: UsagePartSerializer},
        examples=[
            OpenApiExample(
                "A feature",
                {
                    "parent": "boards/reports",
                    "name": "export",
                    "label": "Export",
                    "event": "report_exported",
                    "where": [{"property": "format", "operator": "equals", "value": "pdf"}],
                    "adopted_measure": "days",
                    "adopted_count": 3,
                    "adopted_days": 30,
                },
                request_only=True,
            )
        ],
    )
    def create(self, request: Request) -> Response:
        """Add a product, module or feature: the part above decides which."""
        shape = PartGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        part = save_part(PartInput(**{"label": "", **shape.validated_data}), actor=request.user)
        return Response(UsagePartSerializer(part).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        request=PartChange,
        responses=UsagePartSerializer,
        examples=[OpenApiExample("A label", {"label": "Export as PDF"}, request_only=True)],
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change a part; rules that name it follow."""
        part = self.get_object()
        shape = PartChange(data=request.data)
        shape.is_valid(raise_exception=True)
        kept = {name: getattr(part, name) for name in CHANGEABLE}
        given = PartInput(part.name, **{**kept, **shape.validated_data})
        part = save_part(given, actor=request.user, part_id=part.pk)
        return Response(UsagePartSerializer(part).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a part with what stands below it. 409 while a rule uses any of it."""
        delete_part(self.get_object().pk, actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ProductViewSet(ExportMixin, ReadViewSet):
    """Products: a whole usage tree each. Its parts are usage-parts."""

    queryset = Product.objects.all()
    serializer_class = UsagePartSerializer
    filterset_class = PartFilter
    ordering = "id"
    permissions = {
        "list": "usage.view_usagepart",
        "retrieve": "usage.view_usagepart",
        "export": "usage.view_usagepart",
    }

"""Declared attributes over HTTP."""

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from csplatform.api.fields import ShapeSerializer
from csplatform.api.viewsets import ReadViewSet
from csplatform.customers.filters import AttributeFilter
from csplatform.customers.models import AttributeDefinition
from csplatform.customers.models.attribute import AttributeType, Subject
from csplatform.customers.operations.definitions import (
    DefinitionInput,
    change_definition,
    define_attribute,
)

CHOICES = serializers.ListField(
    child=serializers.CharField(max_length=100), required=False, max_length=200
)


class AttributeSerializer(serializers.ModelSerializer):
    """A declared attribute as answered."""

    choices = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = AttributeDefinition
        fields = ["id", "subject", "name", "label", "type", "choices", "is_personal"]
        read_only_fields = fields


class AttributeGiven(ShapeSerializer):
    """An attribute to declare."""

    subject = serializers.ChoiceField(Subject.choices)
    name = serializers.RegexField("^[a-z][a-z0-9_]*$", max_length=60)
    label = serializers.CharField(max_length=100)  # type: ignore[assignment]
    type = serializers.ChoiceField(AttributeType.choices)
    choices = CHOICES
    is_personal = serializers.BooleanField(default=False)


class AttributeChange(ShapeSerializer):
    """What may change later."""

    label = serializers.CharField(required=False, max_length=100)  # type: ignore[assignment]
    choices = CHOICES
    is_personal = serializers.BooleanField(required=False)


class AttributeViewSet(ReadViewSet):
    """Custom attributes of people and companies."""

    queryset = AttributeDefinition.objects.all()
    serializer_class = AttributeSerializer
    filterset_class = AttributeFilter
    ordering = "id"
    permissions = {
        "list": "customers.view_attributedefinition",
        "retrieve": "customers.view_attributedefinition",
        "create": "customers.add_attributedefinition",
        "partial_update": "customers.change_attributedefinition",
    }

    @extend_schema(
        request=AttributeGiven,
        responses={201: AttributeSerializer},
        examples=[
            OpenApiExample(
                "A choice",
                {
                    "subject": "person",
                    "name": "plan",
                    "label": "Plan",
                    "type": "choice",
                    "choices": ["free", "pro"],
                },
                request_only=True,
            )
        ],
    )
    def create(self, request: Request) -> Response:
        """Declare an attribute."""
        shape = AttributeGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        row = define_attribute(DefinitionInput(**shape.validated_data), actor=request.user)
        return Response(AttributeSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=AttributeChange, responses=AttributeSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change label, choices or privacy."""
        row = self.get_object()
        shape = AttributeChange(data=request.data)
        shape.is_valid(raise_exception=True)
        kept = {"label": row.label, "choices": row.choices, "is_personal": row.is_personal}
        row = change_definition(row.pk, actor=request.user, **{**kept, **shape.validated_data})
        return Response(AttributeSerializer(row).data)

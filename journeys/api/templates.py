"""Mail templates over HTTP."""

from dataclasses import replace

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from csplatform.api.fields import ObjectField, ShapeSerializer
from csplatform.api.problems import ProblemAnswer
from csplatform.api.viewsets import ReadViewSet
from csplatform.ascode.api import ExportMixin
from journeys.emails.checks import content_problems
from journeys.emails.render import content_of
from journeys.filters import TemplateFilter
from journeys.models import EmailTemplate
from journeys.operations.templates import (
    TemplateInput,
    delete_template,
    input_of,
    save_template,
)

FIELDS = ("name", "subject", "preheader", "category", "sender_name", "reply_to", "blocks")


class TemplateSerializer(serializers.ModelSerializer):
    """A template as answered."""

    reply_to = serializers.CharField(allow_blank=True)
    blocks = serializers.ListField(child=ObjectField())

    class Meta:
        model = EmailTemplate
        fields = ["id", *FIELDS, "created_at", "updated_at"]
        read_only_fields = fields


class TemplateChange(ShapeSerializer):
    """What may change of a template; what is not given stays."""

    name = serializers.CharField(required=False, max_length=200)
    subject = serializers.CharField(required=False, max_length=300)
    preheader = serializers.CharField(required=False, allow_blank=True, max_length=200)
    category = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, help_text="Id of a mail category."
    )
    sender_name = serializers.CharField(required=False, allow_blank=True, max_length=100)
    reply_to = serializers.CharField(required=False, allow_blank=True, max_length=254)
    blocks = serializers.ListField(child=ObjectField(), required=False, max_length=60)


class TemplateGiven(TemplateChange):
    """A template to make. Blocks are typed; tokens look like {{ person.name }}."""

    name = serializers.CharField(max_length=200)
    subject = serializers.CharField(max_length=300)


class TemplateChecks(serializers.Serializer):
    """What stands against sending it."""

    problems = ProblemAnswer(many=True)


WELCOME = {
    "name": "Welcome",
    "subject": "Welcome, {{ person.name }}",
    "blocks": [
        {"kind": "text", "text": "Good to have you, {{ person.name }}."},
        {"kind": "button", "label": "Open", "url": "https://app.example.com/"},
    ],
}


class TemplateViewSet(ExportMixin, ReadViewSet):
    """Mails that programs send."""

    queryset = EmailTemplate.objects.all()
    serializer_class = TemplateSerializer
    filterset_class = TemplateFilter
    ordering = "name"
    ordering_fields = ("id", "name")
    permissions = {
        "list": "journeys.view_emailtemplate",
        "retrieve": "journeys.view_emailtemplate",
        "create": "journeys.add_emailtemplate",
        "partial_update": "journeys.change_emailtemplate",
        "destroy": "journeys.delete_emailtemplate",
        "check": "journeys.view_emailtemplate",
        "export": "journeys.view_emailtemplate",
    }

    @extend_schema(
        request=TemplateGiven,
        responses={201: TemplateSerializer},
        examples=[OpenApiExample("A mail with a button", WELCOME, request_only=True)],
    )
    def create(self, request: Request) -> Response:
        """Make a mail template."""
        shape = TemplateGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        row = save_template(TemplateInput(**shape.validated_data), actor=request.user)
        return Response(TemplateSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=TemplateChange, responses=TemplateSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change a mail template; mails that left keep what they said."""
        row = self.get_object()
        shape = TemplateChange(data=request.data)
        shape.is_valid(raise_exception=True)
        given = replace(input_of(row), **shape.validated_data)
        row = save_template(given, actor=request.user, template_id=row.pk)
        return Response(TemplateSerializer(row).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a template that no program uses."""
        delete_template(self.get_object().pk, actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=TemplateChecks)
    @action(detail=True, methods=["post"])
    def check(self, request: Request, pk: str) -> Response:
        """What is wrong with the template: unknown tokens, empty parts, bad links."""
        problems = content_problems(content_of(self.get_object()))
        return Response(TemplateChecks({"problems": problems}).data)

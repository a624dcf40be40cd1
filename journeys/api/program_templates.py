"""The gallery over HTTP: ready programs, and using one."""

from typing import Any

from django.http import Http404
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from csplatform.api.fields import ShapeSerializer
from csplatform.api.viewsets import ApiViewSet
from csplatform.kit.errors import DomainError
from journeys.api.program_shapes import ProgramSerializer
from journeys.flow.gallery import Template, find_template, templates
from journeys.models import Program
from journeys.models.program import ProgramType
from journeys.operations.use_template import use_template


class BroughtAnswer(serializers.Serializer):
    """Something that comes along."""

    kind = serializers.CharField()
    name = serializers.CharField()


class TemplateAnswer(serializers.Serializer):
    """A ready program."""

    key = serializers.CharField()
    title = serializers.CharField(source="label")
    sentence = serializers.CharField()
    purpose = serializers.CharField()
    type = serializers.ChoiceField(ProgramType.choices)
    brings = BroughtAnswer(many=True)


class UseGiven(ShapeSerializer):
    """How the new program is called and where it stands."""

    name = serializers.CharField(required=False, allow_blank=True, default="", max_length=200)
    folder = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=100,
        help_text="Name of a folder; it is made when it is not there.",
    )  # fmt: skip


class UsedAnswer(serializers.Serializer):
    """The draft and what came along."""

    program = ProgramSerializer()
    made = BroughtAnswer(many=True)
    reused = BroughtAnswer(many=True)


class ProgramTemplateViewSet(ApiViewSet):
    """Ready programs with their mails, segments and engagements."""

    queryset = Program.objects.none()
    lookup_value_regex = "[a-z0-9_]{1,60}"
    permissions = {"list": "journeys.view_program", "use": "journeys.add_program"}

    @extend_schema(responses=TemplateAnswer(many=True))
    def list(self, request: Request) -> Response:
        """List all templates; they are few, so there is one page."""
        found = TemplateAnswer([_told(template) for template in templates()], many=True)
        return Response({"next": None, "previous": None, "results": found.data})

    @extend_schema(
        request=UseGiven,
        responses={201: UsedAnswer},
        parameters=[OpenApiParameter("id", str, "path", description="Key of a template.")],
        examples=[
            OpenApiExample("Into a folder", {"name": "Our welcome", "folder": "Lifecycle"},
                           request_only=True)
        ],
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def use(self, request: Request, pk: str) -> Response:
        """Make a draft of a template, with all that it needs and that is not there yet."""
        try:
            template = find_template(pk)
        except DomainError:
            raise Http404 from None
        shape = UseGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        program, changes = use_template(template, **shape.validated_data, actor=request.user)
        row = Program.objects.select_related("folder", "published").get(pk=program.pk)
        answer = {
            "program": row,
            "made": [_brought(c.kind, c.name) for c in changes if c.what == "created"],
            "reused": [_brought(c.kind, c.name) for c in changes if c.what == "reused"],
        }
        return Response(UsedAnswer(answer).data, status=status.HTTP_201_CREATED)


def _told(template: Template) -> dict[str, Any]:
    return {
        "key": template.key,
        "label": template.label,
        "sentence": template.sentence,
        "purpose": template.purpose,
        "type": template.type,
        "brings": [_brought(item["kind"], item["name"]) for item in template.documents[:-1]],
    }


def _brought(kind: str, name: str) -> dict[str, str]:
    return {"kind": kind, "name": name}

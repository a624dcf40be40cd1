"""Export and import over HTTP."""

import json
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from csplatform.api.errors import replanted
from csplatform.api.fields import ShapeSerializer
from csplatform.api.problems import ProblemAnswer
from csplatform.api.viewsets import ApiViewSet
from csplatform.ascode.exporting import export_text
from csplatform.ascode.importing import import_text
from csplatform.ascode.kind import kind_of
from csplatform.ascode.pages import PERMISSION
from csplatform.ascode.yamltext import MAX_BYTES

EXAMPLE = """\
kind: segment
name: Champions
subject: person
rule: {test: attribute, name: persona, operator: equals, value: Champion}
"""


class YamlRenderer(BaseRenderer):
    """Lets `Accept: application/yaml` in; errors come as JSON, which is YAML too."""

    media_type = "application/yaml"
    format = "yaml"

    def render(self, data: Any, media_type: Any = None, context: Any = None) -> bytes:
        """JSON."""
        return json.dumps(data).encode()


class ExportMixin:
    """Adds `<id>/export/` to a resource whose model has a kind of document."""

    @extend_schema(request=None, responses={(200, "application/yaml"): OpenApiTypes.OBJECT})
    @action(detail=True, methods=["get"], renderer_classes=[JSONRenderer, YamlRenderer])
    def export(self, request: Request, pk: str) -> HttpResponse:
        """Read it as a YAML document: names in place of ids, fit for an import elsewhere."""
        row = self.get_object()  # type: ignore[attr-defined]
        kind = kind_of(type(row))
        assert kind is not None  # a test walks all resources with this mixin
        text = export_text([(kind, row)], actor=request.user)
        return HttpResponse(text, content_type="application/yaml")


class ImportGiven(ShapeSerializer):
    """What to import."""

    text = serializers.CharField(
        max_length=MAX_BYTES, trim_whitespace=False, help_text="YAML, one document or several."
    )
    dry_run = serializers.BooleanField(
        default=False, help_text="Say what would happen, and change nothing."
    )
    state = serializers.CharField(
        required=False, max_length=64, default="", allow_blank=True,
        help_text="The state of a dry run: refuse if anything has changed since.",
    )  # fmt: skip


class ChangeAnswer(serializers.Serializer):
    """What became of one document."""

    kind = serializers.CharField()
    name = serializers.CharField()
    what = serializers.ChoiceField(["created", "changed", "unchanged", "reused"])
    id = serializers.IntegerField(allow_null=True, help_text="Null: it would be created.")
    sentences = serializers.ListField(child=serializers.CharField())
    remarks = ProblemAnswer(many=True)


class ImportAnswer(serializers.Serializer):
    """What happened, or would."""

    dry_run = serializers.BooleanField()
    state = serializers.CharField()
    changes = ChangeAnswer(many=True)


class ConfigViewSet(ApiViewSet):
    """Configuration as code."""

    permissions = {"import_": PERMISSION}

    @extend_schema(
        request=ImportGiven,
        responses=ImportAnswer,
        examples=[
            OpenApiExample("Look first", {"text": EXAMPLE, "dry_run": True}, request_only=True)
        ],
    )
    @action(detail=False, methods=["post"], url_path="import", url_name="import")
    def import_(self, request: Request) -> Response:
        """Import YAML documents: all of them or none; a program's draft only."""
        shape = ImportGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        given = shape.validated_data
        with replanted("", "/text"):
            done = import_text(
                given["text"], actor=request.user, dry_run=given["dry_run"], state=given["state"]
            )
        changes = [
            {
                "kind": change.kind,
                "name": change.name,
                "what": change.what,
                "id": None if done.dry_run and change.what == "created" else change.row.pk,
                "sentences": change.sentences,
                "remarks": change.remarks,
            }
            for change in done.changes
        ]
        answer = {"dry_run": done.dry_run, "state": done.state, "changes": changes}
        return Response(ImportAnswer(answer).data)

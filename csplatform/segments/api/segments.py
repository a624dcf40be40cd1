"""Segments over HTTP."""

from typing import Any

from django.db import OperationalError, transaction
from django.http import Http404
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from csplatform.api.fields import ObjectField, ShapeSerializer
from csplatform.api.problems import ProblemAnswer
from csplatform.api.viewsets import ReadViewSet
from csplatform.ascode.api import ExportMixin
from csplatform.kit import sql
from csplatform.kit.clock import now
from csplatform.kit.errors import DomainError
from csplatform.rules.compile import count_matching
from csplatform.rules.parse import parse_rule
from csplatform.rules.tree import Node
from csplatform.rules.words import in_words
from csplatform.segments.filters import SegmentFilter
from csplatform.segments.models import Kind, Segment, Subject
from csplatform.segments.operations.definition import (
    SegmentInput,
    clone_segment,
    delete_segment,
    request_recompute,
    save_segment,
)

PREVIEW_MS = 3000


class SegmentSerializer(serializers.ModelSerializer):
    """A segment as answered."""

    rule = ObjectField()

    class Meta:
        model = Segment
        fields = [
            "id", "name", "description", "subject", "kind", "rule", "state", "error",
            "member_count", "computed_at", "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = fields


class SegmentGiven(ShapeSerializer):
    """A segment to make."""

    name = serializers.CharField(max_length=120)
    description = serializers.CharField(required=False, allow_blank=True, max_length=5000)
    subject = serializers.ChoiceField(Subject.choices, default=Subject.PERSON)
    kind = serializers.ChoiceField(Kind.choices, default=Kind.DYNAMIC)
    rule = ObjectField(required=False)


class SegmentChange(ShapeSerializer):
    """What may change of a segment; what is not given stays."""

    name = serializers.CharField(required=False, max_length=120)
    description = serializers.CharField(required=False, allow_blank=True, max_length=5000)
    rule = ObjectField(required=False)


class PreviewGiven(ShapeSerializer):
    """A rule to try."""

    subject = serializers.ChoiceField(Subject.choices, default=Subject.PERSON)
    rule = ObjectField()


class PreviewAnswer(serializers.Serializer):
    """What a rule would do; count is null for a wrong rule, and when counting takes too long."""

    words = serializers.CharField()
    count = serializers.IntegerField(allow_null=True)
    problems = ProblemAnswer(many=True)


RULE = {"all": [{"test": "attribute", "name": "role", "operator": "equals", "value": "admin"}]}


class SegmentViewSet(ExportMixin, ReadViewSet):
    """Named groups of people or companies."""

    queryset = Segment.objects.listed()
    serializer_class = SegmentSerializer
    filterset_class = SegmentFilter
    ordering = "name"
    ordering_fields = ("id", "name")
    permissions = {
        "list": "segments.view_segment",
        "retrieve": "segments.view_segment",
        "create": "segments.add_segment",
        "partial_update": "segments.change_segment",
        "destroy": "segments.delete_segment",
        "preview": "segments.view_segment",
        "clone": "segments.add_segment",
        "recompute": "segments.change_segment",
        "export": "segments.view_segment",
    }

    @extend_schema(
        request=SegmentGiven,
        responses={201: SegmentSerializer},
        examples=[OpenApiExample("Dynamic", {"name": "Admins", "rule": RULE}, request_only=True)],
    )
    def create(self, request: Request) -> Response:
        """Make a segment."""
        shape = SegmentGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        segment = save_segment(SegmentInput(**shape.validated_data), actor=request.user)
        return Response(SegmentSerializer(segment).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=SegmentChange, responses=SegmentSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change name, description or rule; a new rule asks for a recompute."""
        segment = self.get_object()
        shape = SegmentChange(data=request.data)
        shape.is_valid(raise_exception=True)
        kept = {
            "name": segment.name,
            "description": segment.description,
            "rule": segment.rule if segment.is_dynamic else None,
        }
        given = SegmentInput(
            subject=segment.subject, kind=segment.kind, **{**kept, **shape.validated_data}
        )
        segment = save_segment(given, actor=request.user, segment_id=segment.pk)
        return Response(SegmentSerializer(segment).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a segment that nothing uses."""
        delete_segment(self.get_object().pk, actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        request=PreviewGiven,
        responses=PreviewAnswer,
        examples=[OpenApiExample("A rule", {"rule": RULE}, request_only=True)],
    )
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """Try a rule: how many match, the rule in words, and what is wrong with it."""
        shape = PreviewGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        subject = shape.validated_data["subject"]
        try:
            node = parse_rule(shape.validated_data["rule"], subject, "/rule")
        except DomainError as error:
            answer: dict[str, Any] = {"words": "", "count": None, "problems": error.problems}
        else:
            count = _count(node, subject)
            answer = {"words": in_words(node, subject), "count": count, "problems": []}
        return Response(PreviewAnswer(answer).data)

    @extend_schema(request=None, responses={201: SegmentSerializer})
    @action(detail=True, methods=["post"])
    def clone(self, request: Request, pk: str) -> Response:
        """Copy a segment under a free name."""
        copy = clone_segment(self.get_object().pk, actor=request.user)
        return Response(SegmentSerializer(copy).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses={202: SegmentSerializer})
    @action(detail=True, methods=["post"])
    def recompute(self, request: Request, pk: str) -> Response:
        """Ask for a full recompute of a dynamic segment."""
        request_recompute(self.get_object().pk, actor=request.user)
        row = SegmentSerializer(self.get_object())
        return Response(row.data, status=status.HTTP_202_ACCEPTED)


def _count(node: Node, subject: str) -> int | None:
    """How many match now; None when it takes too long."""
    try:
        with transaction.atomic():
            sql.run(f"SET LOCAL statement_timeout = {PREVIEW_MS}")
            return count_matching(node, subject, now())
    except OperationalError:
        return None


def segment_or_404(text: str) -> Segment:
    """The segment of an address."""
    found = Segment.objects.filter(pk=text).first()
    if found is None:
        raise Http404
    return found

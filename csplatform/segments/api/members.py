"""Members of a segment over HTTP."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from csplatform.api.fields import CountAnswer, IdField, ShapeSerializer
from csplatform.api.viewsets import ApiViewSet
from csplatform.segments.api.segments import segment_or_404
from csplatform.segments.filters import MemberFilter
from csplatform.segments.models import Member
from csplatform.segments.operations.membership import add_members, remove_members


class MemberSerializer(serializers.ModelSerializer):
    """Somebody is in the segment: a person's or company's id, as the segment's subject says."""

    class Meta:
        model = Member
        fields = ["subject_id", "since"]
        read_only_fields = fields


class MembersGiven(ShapeSerializer):
    """Up to 10,000 people or companies."""

    ids = serializers.ListField(child=IdField(), min_length=1, max_length=10_000)


class MemberViewSet(ListModelMixin, ApiViewSet):
    """Who is in a segment."""

    queryset = Member.objects.none()
    serializer_class = MemberSerializer
    filterset_class = MemberFilter
    ordering = "subject_id"
    ordering_fields = ("subject_id",)
    permissions = {
        "list": "segments.view_segment",
        "add": "segments.change_segment",
        "remove": "segments.change_segment",
    }

    def get_queryset(self) -> QuerySet[Member]:
        """Members of the segment in the address."""
        if "segment_id" not in self.kwargs:  # the schema asks without an address
            return Member.objects.none()
        return Member.objects.filter(segment=segment_or_404(self.kwargs["segment_id"]))

    @extend_schema(
        request=MembersGiven,
        responses=CountAnswer,
        examples=[OpenApiExample("Two people", {"ids": [4, 17]}, request_only=True)],
    )
    @action(detail=False, methods=["post"])
    def add(self, request: Request, **kwargs: Any) -> Response:
        """Put people or companies on a static list; how many were new."""
        return self._change(request, add_members)

    @extend_schema(request=MembersGiven, responses=CountAnswer)
    @action(detail=False, methods=["post"])
    def remove(self, request: Request, **kwargs: Any) -> Response:
        """Take people or companies off a static list; how many were on it."""
        return self._change(request, remove_members)

    def _change(self, request: Request, operation: Any) -> Response:
        segment = segment_or_404(self.kwargs["segment_id"])
        shape = MembersGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        count = operation(segment.pk, shape.validated_data["ids"], actor=request.user)
        return Response({"count": count})

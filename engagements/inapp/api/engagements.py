"""Engagements and invitations over HTTP."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from csplatform.api.fields import ObjectField, ShapeSerializer
from csplatform.api.problems import ProblemAnswer
from csplatform.api.viewsets import ReadViewSet
from csplatform.ascode.api import ExportMixin
from engagements.inapp.filters import EngagementFilter, InvitationFilter
from engagements.inapp.models import Engagement, Invitation, TriggeredBy
from engagements.inapp.operations.drafts import create_engagement, delete_engagement, save_draft
from engagements.inapp.operations.life import (
    end_engagement,
    launch_engagement,
    launch_problems,
    pause_engagement,
)

SETTINGS = ("name", "triggered_by", "starts_at", "ends_at", "priority")


class EngagementSerializer(serializers.ModelSerializer):
    """An engagement as answered: `draft` is being edited, `content` is what people see."""

    draft = ObjectField()
    content = ObjectField(allow_null=True)

    class Meta:
        model = Engagement
        fields = [
            "id", "kind", "state", *SETTINGS, "draft", "draft_revision", "content", "release",
            "launched_at", "created_by", "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = fields


class EngagementGiven(ShapeSerializer):
    """An engagement to make; without content it starts from its kind's first starter."""

    name = serializers.CharField(max_length=200)
    kind = serializers.CharField(max_length=40)
    content = ObjectField(required=False)
    triggered_by = serializers.ChoiceField(TriggeredBy.choices, default=TriggeredBy.PROGRAM)


class EngagementChange(ShapeSerializer):
    """What may change; what is not given stays."""

    revision = serializers.IntegerField(
        min_value=0, max_value=2**31 - 2, help_text="The draft_revision that you edited."
    )
    content = ObjectField(required=False)
    name = serializers.CharField(required=False, max_length=200)
    triggered_by = serializers.ChoiceField(TriggeredBy.choices, required=False)
    starts_at = serializers.DateTimeField(required=False, allow_null=True)
    ends_at = serializers.DateTimeField(required=False, allow_null=True)
    priority = serializers.IntegerField(required=False, min_value=-1000, max_value=1000)


class LeaveGiven(ShapeSerializer):
    """Why, for the history."""

    reason = serializers.CharField(required=False, allow_blank=True, max_length=500, default="")


class EngagementChecks(serializers.Serializer):
    """What is to be said before a launch; errors block it."""

    problems = ProblemAnswer(many=True)


class EngagementViewSet(ExportMixin, ReadViewSet):
    """What people meet inside the product."""

    queryset = Engagement.objects.all()
    serializer_class = EngagementSerializer
    filterset_class = EngagementFilter
    ordering = "name"
    ordering_fields = ("id", "name")
    permissions = {
        "list": "engagements.view_engagement",
        "retrieve": "engagements.view_engagement",
        "create": "engagements.add_engagement",
        "partial_update": "engagements.change_engagement",
        "destroy": "engagements.delete_engagement",
        "check": "engagements.view_engagement",
        "launch": "engagements.launch_engagement",
        "pause": "engagements.launch_engagement",
        "end": "engagements.launch_engagement",
        "export": "engagements.view_engagement",
    }

    @extend_schema(
        request=EngagementGiven,
        responses={201: EngagementSerializer},
        examples=[
            OpenApiExample("A dialog", {"name": "Welcome", "kind": "dialog"}, request_only=True)
        ],
    )
    def create(self, request: Request) -> Response:
        """Make a draft."""
        shape = EngagementGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        row = create_engagement(actor=request.user, **shape.validated_data)
        return Response(EngagementSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=EngagementChange, responses=EngagementSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change the draft or settings; people see a new draft after the next launch."""
        row = self.get_object()
        shape = EngagementChange(data=request.data)
        shape.is_valid(raise_exception=True)
        given = shape.validated_data
        saved = save_draft(
            row.pk,
            content=given.get("content", row.draft),
            revision=given["revision"],
            actor=request.user,
            settings={name: given[name] for name in SETTINGS if name in given},
        )
        return Response(EngagementSerializer(saved).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a draft that was never used."""
        delete_engagement(self.get_object().pk, actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=EngagementChecks)
    @action(detail=True, methods=["post"])
    def check(self, request: Request, pk: str) -> Response:
        """What stands against launching it."""
        return Response(EngagementChecks({"problems": launch_problems(self.get_object())}).data)

    @extend_schema(request=None, responses=EngagementSerializer)
    @action(detail=True, methods=["post"])
    def launch(self, request: Request, pk: str) -> Response:
        """Make the draft what people see."""
        row = launch_engagement(self.get_object().pk, actor=request.user)
        return Response(EngagementSerializer(row).data)

    @extend_schema(request=LeaveGiven, responses=EngagementSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        """Show it to nobody until it is launched again."""
        return self._leave(request, pause_engagement)

    @extend_schema(request=LeaveGiven, responses=EngagementSerializer)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: str) -> Response:
        """Show it to nobody any more."""
        return self._leave(request, end_engagement)

    def _leave(self, request: Request, operation: Callable[..., Any]) -> Response:
        row = self.get_object()
        shape = LeaveGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        row = operation(row.pk, actor=request.user, reason=shape.validated_data["reason"])
        return Response(EngagementSerializer(row).data)


class InvitationSerializer(serializers.ModelSerializer):
    """An invitation: a participant's step lets a person meet an engagement."""

    class Meta:
        model = Invitation
        fields = [
            "id", "engagement", "person", "participant_id", "program_id", "step_key", "state",
            "reason", "created_at", "viewed_at", "completed_at", "dismissed_at", "closed_at",
        ]  # fmt: skip
        read_only_fields = fields


class InvitationViewSet(ReadViewSet):
    """Who was let to meet which engagement, and how far they got."""

    queryset = Invitation.objects.all()
    serializer_class = InvitationSerializer
    filterset_class = InvitationFilter
    permissions = {
        "list": "engagements.view_invitation",
        "retrieve": "engagements.view_invitation",
    }

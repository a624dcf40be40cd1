"""The life of a program over HTTP: publish at a time, entries off and on, and its history."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from csplatform.api.viewsets import ApiViewSet
from csplatform.kit.clock import now
from journeys.api.program_shapes import (
    DisableGiven,
    ProgramSerializer,
    ReasonGiven,
    ScheduleGiven,
)
from journeys.filters import HistoryFilter
from journeys.models import Program, ProgramStateChange
from journeys.operations.entries import disable_program, enable_program
from journeys.operations.life import pause_program, resume_program, stop_program
from journeys.operations.schedule import schedule_program, unschedule_program
from journeys.snapshot.life import begins_pause, with_pauses

LIFE_PERMISSIONS = dict.fromkeys(
    ("schedule", "unschedule", "disable", "enable", "pause", "resume", "stop"),
    "journeys.publish_program",
)


class LifeActions(ApiViewSet):
    """Actions of the programs' viewset."""

    def _answer(self, program_id: int, code: int = status.HTTP_200_OK) -> Response:
        row = self.get_queryset().get(pk=program_id)
        return Response(ProgramSerializer(row).data, status=code)

    @extend_schema(
        request=ScheduleGiven,
        responses=ProgramSerializer,
        examples=[
            OpenApiExample(
                "Christmas Eve", {"at": "2026-12-24T09:00:00Z", "revision": 3}, request_only=True
            )
        ],
    )
    @action(detail=True, methods=["post"])
    def schedule(self, request: Request, pk: str) -> Response:
        """Publish the draft at a time, by itself and in your name; until then it is not edited."""
        program = self.get_object()
        shape = ScheduleGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        given = shape.validated_data
        schedule_program(
            program.pk, given["at"], actor=request.user, revision=given.get("revision"),
            plan={"moves": given.get("moves") or {}},
        )  # fmt: skip
        return self._answer(program.pk)

    @extend_schema(request=ReasonGiven, responses=ProgramSerializer)
    @action(detail=True, methods=["post"])
    def unschedule(self, request: Request, pk: str) -> Response:
        """Take a scheduled publishing back to draft."""
        return self._move(request, unschedule_program)

    @extend_schema(
        request=DisableGiven,
        responses=ProgramSerializer,
        examples=[OpenApiExample("Let them finish", {"runs": "finish"}, request_only=True)],
    )
    @action(detail=True, methods=["post"])
    def disable(self, request: Request, pk: str) -> Response:
        """Take no new entries; who is inside finishes or freezes."""
        program = self.get_object()
        shape = DisableGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        given = shape.validated_data
        disable_program(
            program.pk, actor=request.user, freeze_runs=given["runs"] == "freeze",
            reason=given["reason"],
        )  # fmt: skip
        return self._answer(program.pk)

    @extend_schema(request=ReasonGiven, responses=ProgramSerializer)
    @action(detail=True, methods=["post"])
    def enable(self, request: Request, pk: str) -> Response:
        """Take entries again, first of those who came meanwhile; what was frozen goes on."""
        return self._move(request, enable_program)

    @extend_schema(request=ReasonGiven, responses=ProgramSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        """Freeze everybody where they are."""
        return self._move(request, pause_program)

    @extend_schema(request=ReasonGiven, responses=ProgramSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Let everybody go on."""
        return self._move(request, resume_program)

    @extend_schema(request=ReasonGiven, responses=ProgramSerializer)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        """End the program for good; everybody inside is removed."""
        return self._move(request, stop_program)

    def _move(self, request: Request, operation: Callable[..., Any]) -> Response:
        program = self.get_object()
        shape = ReasonGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        operation(program.pk, actor=request.user, reason=shape.validated_data["reason"])
        return self._answer(program.pk)


class ProgramChangeSerializer(serializers.ModelSerializer):
    """Something that happened in a program's life. `what` is "" for changes of old."""

    pause_seconds = serializers.SerializerMethodField(
        help_text="How long the pause that began here was, or is up to now; null: no pause began."
    )
    pause_until = serializers.DateTimeField(
        allow_null=True, help_text="When that pause ended; null: it lasts, or there was none."
    )

    class Meta:
        model = ProgramStateChange
        fields = ["id", "program", "what", "old", "new", "reason", "at", "by", "pause_seconds",
                  "pause_until"]  # fmt: skip
        read_only_fields = fields

    def get_pause_seconds(self, change: Any) -> int | None:
        """Whole seconds."""
        if not begins_pause(change):
            return None
        return int(((change.pause_until or now()) - change.at).total_seconds())

    def to_representation(self, change: Any) -> dict[str, Any]:
        """An end belongs to a row that began a pause only."""
        shown = super().to_representation(change)
        return shown if begins_pause(change) else {**shown, "pause_until": None}


class HistoryViewSet(ListModelMixin, ApiViewSet):
    """What happened in a program's life: publishings, pauses with their length, entries, ends."""

    queryset = ProgramStateChange.objects.none()
    serializer_class = ProgramChangeSerializer
    filterset_class = HistoryFilter
    permissions = {"list": "journeys.view_program"}

    def get_queryset(self) -> QuerySet[ProgramStateChange]:
        """Of the program in the address."""
        program_id = self.kwargs.get("program_id")
        if program_id is None:  # the schema asks without an address
            return ProgramStateChange.objects.none()
        if len(program_id) > 18 or not Program.objects.filter(pk=program_id).exists():
            raise Http404
        return with_pauses(ProgramStateChange.objects.filter(program=program_id))


class AllHistoryViewSet(HistoryViewSet):
    """The same of all programs: what a calendar tells of the past."""

    def get_queryset(self) -> QuerySet[ProgramStateChange]:
        """Of all."""
        return with_pauses(ProgramStateChange.objects.all())

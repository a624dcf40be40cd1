"""Playbooks and their runs over HTTP (PRG-80)."""

from dataclasses import replace
from typing import Any

from django.db.models import Prefetch
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from csplatform.api.fields import CountAnswer, IdField, ShapeSerializer
from csplatform.api.viewsets import ReadViewSet
from csplatform.ascode.api import ExportMixin
from csplatform.kit.clock import now
from csplatform.kit.errors import DomainError
from journeys.models import Playbook, PlaybookRun, PlaybookTask
from journeys.models.playbook import PlaybookSubject
from journeys.models.task import Priority
from journeys.playbooks.filters import PlaybookFilter, PlaybookRunFilter
from journeys.playbooks.operations.playbooks import (
    PlaybookInput,
    TaskLine,
    clone_playbook,
    delete_playbook,
    input_of,
    save_playbook,
)
from journeys.playbooks.operations.runs import assign_playbook, stop_runs
from journeys.playbooks.subjects import Subject

LINE = ("title", "description", "type", "reason", "priority", "due_days", "owner_role", "fallback")


class LineSerializer(serializers.ModelSerializer):
    """A task of a playbook as answered."""

    class Meta:
        model = PlaybookTask
        fields = LINE
        read_only_fields = fields


class PlaybookSerializer(serializers.ModelSerializer):
    """A playbook as answered."""

    tasks = LineSerializer(many=True)

    class Meta:
        model = Playbook
        fields = ["id", "name", "description", "subject", "expected_days", "skip_weekends",
                  "is_active", "tasks", "created_at", "updated_at"]  # fmt: skip
        read_only_fields = fields


class LineGiven(ShapeSerializer):
    """A task of a playbook."""

    title = serializers.CharField(max_length=200)
    description = serializers.CharField(max_length=10_000, required=False, allow_blank=True)
    type = IdField()
    reason = serializers.CharField(max_length=80, required=False, allow_blank=True)
    priority = serializers.ChoiceField(choices=Priority.choices, required=False)
    due_days = serializers.IntegerField(min_value=0, max_value=1000, required=False)
    owner_role = serializers.CharField(max_length=60, required=False, allow_blank=True)
    fallback = IdField(required=False, allow_null=True, help_text="Id of a user.")


class PlaybookChanges(ShapeSerializer):
    """What may change; what is not given stays. `tasks` replaces all of them."""

    name = serializers.CharField(max_length=200, required=False)
    description = serializers.CharField(max_length=10_000, required=False, allow_blank=True)
    subject = serializers.ChoiceField(choices=PlaybookSubject.choices, required=False)
    expected_days = serializers.IntegerField(
        min_value=1, max_value=1000, required=False, allow_null=True
    )
    skip_weekends = serializers.BooleanField(required=False)
    is_active = serializers.BooleanField(required=False)
    tasks = LineGiven(many=True, required=False)


class PlaybookGiven(PlaybookChanges):
    """A playbook to make."""

    name = serializers.CharField(max_length=200)


class PlaybookRunSerializer(serializers.ModelSerializer):
    """A run as answered."""

    overdue = serializers.SerializerMethodField(help_text="It takes longer than expected.")

    class Meta:
        model = PlaybookRun
        fields = ["id", "playbook", "name", "person", "company", "state", "overdue", "started_at",
                  "started_by", "due_on", "ended_at", "program"]  # fmt: skip
        read_only_fields = fields

    def get_overdue(self, row: PlaybookRun) -> bool:
        """As of now."""
        return row.is_overdue(now().date())


class RunGiven(ShapeSerializer):
    """Which playbook for whom: companies or people, as the playbook is for."""

    playbook = IdField()
    companies = serializers.ListField(child=IdField(), max_length=1_000, required=False)
    people = serializers.ListField(child=IdField(), max_length=1_000, required=False)


class RunMade(serializers.Serializer):
    """What came of one subject."""

    run = serializers.IntegerField()
    started = serializers.BooleanField(help_text="False: it was under way already.")


class StopGiven(ShapeSerializer):
    """What becomes of its tasks."""

    close_tasks = serializers.BooleanField(
        default=False, help_text="Close the open ones; otherwise they stay."
    )


ONBOARDING = {
    "name": "Onboarding", "expected_days": 42,
    "tasks": [{"title": "Kick-off with {{ company.name }}", "type": 4, "due_days": 2}],
}  # fmt: skip


class PlaybookViewSet(ExportMixin, ReadViewSet):
    """Named lists of tasks."""

    queryset = Playbook.objects.prefetch_related(Prefetch("tasks"))
    serializer_class = PlaybookSerializer
    filterset_class = PlaybookFilter
    ordering = "name"
    ordering_fields = ("id", "name")
    permissions = {
        "list": "journeys.view_playbook",
        "retrieve": "journeys.view_playbook",
        "create": "journeys.add_playbook",
        "partial_update": "journeys.change_playbook",
        "destroy": "journeys.delete_playbook",
        "clone": "journeys.add_playbook",
        "export": "journeys.view_playbook",
    }

    @extend_schema(
        request=PlaybookGiven,
        responses={201: PlaybookSerializer},
        examples=[OpenApiExample("Onboarding", ONBOARDING, request_only=True)],
    )
    def create(self, request: Request) -> Response:
        """Make a playbook with its tasks."""
        given = _given(PlaybookInput(""), PlaybookGiven, request)
        return _answer(save_playbook(given, actor=request.user), status.HTTP_201_CREATED)

    @extend_schema(request=PlaybookChanges, responses=PlaybookSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change a playbook; runs under way keep what they started with."""
        row = self.get_object()
        given = _given(input_of(row), PlaybookChanges, request)
        return _answer(save_playbook(given, actor=request.user, playbook_id=row.pk))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a playbook that never ran and that nothing uses."""
        delete_playbook(self.get_object().pk, actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses={201: PlaybookSerializer})
    @action(detail=True, methods=["post"])
    def clone(self, request: Request, pk: str) -> Response:
        """A copy under a free name."""
        row = clone_playbook(self.get_object().pk, actor=request.user)
        return _answer(row, status.HTTP_201_CREATED)


class PlaybookRunViewSet(ReadViewSet):
    """Assignments of playbooks to companies and people."""

    queryset = PlaybookRun.objects.all()
    serializer_class = PlaybookRunSerializer
    filterset_class = PlaybookRunFilter
    permissions = {
        "list": "journeys.view_playbookrun",
        "retrieve": "journeys.view_playbookrun",
        "create": "journeys.add_playbookrun",
        "stop": "journeys.change_playbookrun",
    }

    @extend_schema(
        request=RunGiven,
        responses={201: RunMade(many=True)},
        filters=False,
        examples=[OpenApiExample("A company", {"playbook": 3, "companies": [17]},
                                 request_only=True)],
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        """Assign a playbook, with all its tasks; in the order given. Twice is once."""
        shape = RunGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        given = shape.validated_data
        subjects = [Subject(company_id=pk) for pk in given.get("companies", [])]
        subjects += [Subject(person_id=pk) for pk in given.get("people", [])]
        if not subjects:
            raise DomainError("Name companies or people.", path="/companies", code="missing")
        runs = assign_playbook(given["playbook"], subjects, actor=request.user)
        rows = [{"run": run.run_id, "started": run.new} for run in runs]
        return Response(RunMade(rows, many=True).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=StopGiven, responses=CountAnswer)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        """Stop a run; 0 when it had ended already."""
        row = self.get_object()
        shape = StopGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        close = shape.validated_data["close_tasks"]
        count = stop_runs([row.pk], close=close, actor=request.user)
        return Response(CountAnswer({"count": count}).data)


def _given(kept: PlaybookInput, shape: type[ShapeSerializer], request: Request) -> PlaybookInput:
    found = shape(data=request.data)
    found.is_valid(raise_exception=True)
    values: dict[str, Any] = dict(found.validated_data)
    if "tasks" in values:
        values["tasks"] = [_line(dict(line)) for line in values["tasks"]]
    return replace(kept, **values)


def _line(given: dict[str, Any]) -> TaskLine:
    ids = {"type": "type_id", "fallback": "fallback_id"}
    return TaskLine(**{ids.get(name, name): value for name, value in given.items()})


def _answer(row: Playbook, code: int = status.HTTP_200_OK) -> Response:
    found = Playbook.objects.prefetch_related("tasks").get(pk=row.pk)
    return Response(PlaybookSerializer(found).data, status=code)

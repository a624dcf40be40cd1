"""Tasks and task types over HTTP (PRG-81)."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from csplatform.api.fields import CountAnswer, IdField, ObjectField, ShapeSerializer
from csplatform.api.viewsets import ReadViewSet
from csplatform.ascode.api import ExportMixin
from journeys.models import Task, TaskChange, TaskType
from journeys.models.task import Outcome, Priority
from journeys.playbooks.filters import TaskFilter, TaskTypeFilter
from journeys.playbooks.operations.change import (
    assign_tasks,
    comment_task,
    edit_task,
    snooze_tasks,
    start_tasks,
)
from journeys.playbooks.operations.close import Done, close_tasks, reopen_tasks
from journeys.playbooks.operations.create import NewTask, create_tasks
from journeys.playbooks.operations.types import TypeInput, delete_type, save_type

VIEW, ADD, CHANGE = "journeys.view_task", "journeys.add_task", "journeys.change_task"


class TaskSerializer(serializers.ModelSerializer):
    """A task as answered."""

    class Meta:
        model = Task
        fields = [
            "id", "title", "description", "person", "company", "type", "reason", "assignee",
            "due_on", "priority", "status", "snoozed_until", "outcome", "origin", "program", "run",
            "created_at", "created_by", "closed_at", "closed_by",
        ]  # fmt: skip
        read_only_fields = fields


class TaskMade(TaskSerializer):
    """A task, and whether it is new or the open one that was updated."""

    made = serializers.SerializerMethodField(
        help_text="False when an open task of the same subject, type and reason was updated."
    )

    class Meta(TaskSerializer.Meta):
        fields = [*TaskSerializer.Meta.fields, "made"]
        read_only_fields = fields

    def get_made(self, row: Task) -> bool:
        """From the view."""
        return bool(self.context["made"])


class TaskChangeSerializer(serializers.ModelSerializer):
    """One entry of a task's history; `old` and `new` hold the columns that changed."""

    old = ObjectField(read_only=True)
    new = ObjectField(read_only=True)

    class Meta:
        model = TaskChange
        fields = ["id", "kind", "at", "by", "old", "new", "text"]
        read_only_fields = fields


class TaskChanges(ShapeSerializer):
    """What may change of a task; what is not given stays."""

    title = serializers.CharField(max_length=200, required=False)
    description = serializers.CharField(max_length=10_000, required=False, allow_blank=True)
    type = IdField(required=False)
    reason = serializers.CharField(max_length=80, required=False, allow_blank=True)
    assignee = IdField(required=False, allow_null=True)
    due_on = serializers.DateField(required=False, allow_null=True)
    priority = serializers.ChoiceField(choices=Priority.choices, required=False)


class TaskGiven(TaskChanges):
    """A task to make: about a person, a company, or a person at a company."""

    title = serializers.CharField(max_length=200)
    type = IdField()
    person = IdField(required=False, allow_null=True)
    company = IdField(required=False, allow_null=True)
    guard = serializers.BooleanField(
        required=False,
        help_text="Update an open task of the same subject, type and reason instead of doubling"
        " it. Without it: whether a reason is given.",
    )


class CloseGiven(ShapeSerializer):
    """How it went."""

    outcome = serializers.ChoiceField(
        choices=[c for c in Outcome.choices if c[0]], required=False, allow_blank=True, default=""
    )


class SnoozeGiven(ShapeSerializer):
    """Until when."""

    until = serializers.DateTimeField()


class AssignGiven(ShapeSerializer):
    """To whom; null is nobody."""

    assignee = IdField(allow_null=True)


class CommentGiven(ShapeSerializer):
    """What to say."""

    text = serializers.CharField(max_length=10_000)


class ManyGiven(ShapeSerializer):
    """Several tasks at once."""

    ids = serializers.ListField(child=IdField(), min_length=1, max_length=10_000)
    outcome = serializers.ChoiceField(
        choices=[c for c in Outcome.choices if c[0]], required=False, allow_blank=True, default=""
    )


CALL = {"title": "Call about the invoice", "type": 2, "company": 17, "reason": "Overdue invoice",
        "due_on": "2026-03-09", "priority": 1}  # fmt: skip


class TaskViewSet(ReadViewSet):
    """What people have to do about customers (HIT, CTA)."""

    queryset = Task.objects.all()
    serializer_class = TaskSerializer
    filterset_class = TaskFilter
    ordering_fields = ("id",)
    permissions = {
        "list": VIEW, "retrieve": VIEW, "history": VIEW, "create": ADD, "partial_update": CHANGE,
        "done": CHANGE, "reopen": CHANGE, "start": CHANGE, "snooze": CHANGE, "assign": CHANGE,
        "comment": CHANGE, "close_many": CHANGE,
    }  # fmt: skip

    @extend_schema(
        request=TaskGiven,
        responses={201: TaskMade, 200: TaskMade},
        examples=[OpenApiExample("A call", CALL, request_only=True)],
    )
    def create(self, request: Request) -> Response:
        """Make a task; 200 when the duplicate guard found an open one, which is updated."""
        given = _shape(TaskGiven, request)
        guard = given.pop("guard", bool(given.get("reason")))
        (made,) = create_tasks([NewTask(**_columns(given), guarded=guard)], actor=request.user)
        row = Task.objects.get(pk=made.task_id)
        code = status.HTTP_201_CREATED if made.new else status.HTTP_200_OK
        return Response(TaskMade(row, context={"made": made.new}).data, status=code)

    @extend_schema(request=TaskChanges, responses=TaskSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change a task, open or closed."""
        row = self.get_object()
        edit_task(row.pk, _columns(_shape(TaskChanges, request)), actor=request.user)
        return self._answer(row)

    @extend_schema(
        request=CloseGiven,
        responses=TaskSerializer,
        examples=[OpenApiExample("It worked", {"outcome": "successful"}, request_only=True)],
    )
    @action(detail=True, methods=["post"])
    def done(self, request: Request, pk: str) -> Response:
        """Close it. One that is closed stays as it was closed."""
        row = self.get_object()
        close_tasks([row.pk], outcome=_shape(CloseGiven, request)["outcome"], actor=request.user)
        return self._answer(row)

    @extend_schema(request=None, responses=TaskSerializer)
    @action(detail=True, methods=["post"])
    def reopen(self, request: Request, pk: str) -> Response:
        """Open it again."""
        row = self.get_object()
        reopen_tasks([row.pk], actor=request.user)
        return self._answer(row)

    @extend_schema(request=None, responses=TaskSerializer)
    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: str) -> Response:
        """Somebody is at it."""
        row = self.get_object()
        start_tasks([row.pk], actor=request.user)
        return self._answer(row)

    @extend_schema(request=SnoozeGiven, responses=TaskSerializer)
    @action(detail=True, methods=["post"])
    def snooze(self, request: Request, pk: str) -> Response:
        """Put it aside; it opens by itself at that time."""
        row = self.get_object()
        snooze_tasks([row.pk], _shape(SnoozeGiven, request)["until"], actor=request.user)
        return self._answer(row)

    @extend_schema(request=AssignGiven, responses=TaskSerializer)
    @action(detail=True, methods=["post"])
    def assign(self, request: Request, pk: str) -> Response:
        """Give it to somebody, or to nobody."""
        row = self.get_object()
        assign_tasks([row.pk], _shape(AssignGiven, request)["assignee"], actor=request.user)
        return self._answer(row)

    @extend_schema(request=CommentGiven, responses={201: TaskChangeSerializer})
    @action(detail=True, methods=["post"])
    def comment(self, request: Request, pk: str) -> Response:
        """Say something about it."""
        row = self.get_object()
        entry = comment_task(row.pk, _shape(CommentGiven, request)["text"], actor=request.user)
        data = TaskChangeSerializer(TaskChange.objects.get(pk=entry)).data
        return Response(data, status=status.HTTP_201_CREATED)

    @extend_schema(responses=TaskChangeSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def history(self, request: Request, pk: str) -> Response:
        """Everything that happened to it, newest first; at most 500 entries."""
        rows = TaskChange.objects.filter(task=self.get_object())[:500]
        return Response(TaskChangeSerializer(rows, many=True).data)

    @extend_schema(
        operation_id="tasks_done_many",
        request=ManyGiven,
        responses=CountAnswer,
        examples=[OpenApiExample("Two tasks", {"ids": [4, 17]}, request_only=True)],
    )
    @action(detail=False, methods=["post"], url_path="done")
    def close_many(self, request: Request) -> Response:
        """Close several at once; how many were open."""
        given = _shape(ManyGiven, request)
        done: Done = close_tasks(given["ids"], outcome=given["outcome"], actor=request.user)
        return Response(CountAnswer({"count": len(done.ids)}).data)

    def _answer(self, row: Task) -> Response:
        row.refresh_from_db()
        return Response(TaskSerializer(row).data)


def _shape(shape: type[ShapeSerializer], request: Request) -> dict[str, Any]:
    found = shape(data=request.data)
    found.is_valid(raise_exception=True)
    return dict(found.validated_data)


def _columns(given: dict[str, Any]) -> dict[str, Any]:
    """Names of the API as those of columns."""
    ids = ("type", "person", "company", "assignee")
    return {f"{n}_id" if n in ids else n: v for n, v in given.items()}


# --- types ----------------------------------------------------------------------------------

FIELDS = ("name", "icon", "asks_outcome", "reasons", "position", "is_active")


class TaskTypeSerializer(serializers.ModelSerializer):
    """A task type as answered."""

    class Meta:
        model = TaskType
        fields = ["id", *FIELDS]
        read_only_fields = fields


class TypeChanges(ShapeSerializer):
    """What may change of a type; what is not given stays."""

    name = serializers.CharField(max_length=60, required=False)
    icon = serializers.CharField(max_length=40, required=False)
    asks_outcome = serializers.BooleanField(required=False)
    reasons = serializers.ListField(
        child=serializers.CharField(max_length=80), max_length=50, required=False
    )
    position = serializers.IntegerField(min_value=0, max_value=30_000, required=False)
    is_active = serializers.BooleanField(required=False)


class TypeGiven(TypeChanges):
    """A type to make."""

    name = serializers.CharField(max_length=60)


class TaskTypeViewSet(ExportMixin, ReadViewSet):
    """Kinds of work."""

    queryset = TaskType.objects.all()
    serializer_class = TaskTypeSerializer
    filterset_class = TaskTypeFilter
    ordering = "name"
    ordering_fields = ("id", "name")
    permissions = {
        "list": "journeys.view_tasktype",
        "retrieve": "journeys.view_tasktype",
        "create": "journeys.add_tasktype",
        "partial_update": "journeys.change_tasktype",
        "destroy": "journeys.delete_tasktype",
        "export": "journeys.view_tasktype",
    }

    @extend_schema(
        request=TypeGiven,
        responses={201: TaskTypeSerializer},
        examples=[OpenApiExample("Audits", {"name": "Audit", "asks_outcome": True},
                                 request_only=True)],
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        """Make a type."""
        row = save_type(TypeInput(**_shape(TypeGiven, request)), actor=request.user)
        return Response(TaskTypeSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=TypeChanges, responses=TaskTypeSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change a type."""
        row = self.get_object()
        kept = {name: getattr(row, name) for name in FIELDS}
        given = TypeInput(**{**kept, **_shape(TypeChanges, request)})
        return Response(
            TaskTypeSerializer(save_type(given, actor=request.user, type_id=row.pk)).data
        )

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a type that nothing uses."""
        delete_type(self.get_object().pk, actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

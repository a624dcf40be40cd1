"""Participants over HTTP, with the feed that says why."""

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from csplatform.api.fields import CountAnswer, IdField, ObjectField, ShapeSerializer
from csplatform.api.viewsets import ReadViewSet
from journeys.filters import ParticipantFilter
from journeys.models import Participant, Step, Transition
from journeys.operations.enroll import remove_participants, retry_participants
from journeys.snapshot.parts import parts_of_run

MAX_FEED = 1000


class ParticipantSerializer(serializers.ModelSerializer):
    """A participant as answered."""

    label = serializers.CharField(source="subject_label")  # type: ignore[assignment]
    step_key = serializers.CharField(source="step.key", default=None, allow_null=True)
    step_name = serializers.CharField(source="step.name", default=None, allow_null=True)
    cause = ObjectField()
    participant_fields = ObjectField(source="fields")

    class Meta:
        model = Participant
        fields = [
            "id", "program", "version", "person", "company", "at_company", "context_id",
            "participant_fields", "control", "label",
            "state", "step_key", "step_name", "phase", "due_at", "limit_at", "step_since",
            "entered_at", "ended_at", "end_reason", "goal_at", "cause",
        ]  # fmt: skip
        read_only_fields = fields


class TransitionSerializer(serializers.ModelSerializer):
    """One thing that happened, with its evidence."""

    step_key = serializers.SerializerMethodField()
    to_step_key = serializers.SerializerMethodField()
    evidence = ObjectField()

    class Meta:
        model = Transition
        fields = [
            "id", "kind", "step_key", "exit", "to_step_key", "version_id", "amendment", "visit",
            "evidence", "occurred_at", "recorded_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_step_key(self, row: Transition) -> str | None:
        """Key of the step where it happened."""
        return self.context["keys"].get(row.step_id)

    def get_to_step_key(self, row: Transition) -> str | None:
        """Key of the step that came next."""
        return self.context["keys"].get(row.to_step_id)


class FeedAnswer(serializers.Serializer):
    """The feed, oldest first, at most 1,000 rows."""

    results = TransitionSerializer(many=True)


class ParticipantPartSerializer(serializers.Serializer):
    """Somebody whom a company's run addressed."""

    step_key = serializers.CharField(source="part.step_key")
    visit = serializers.IntegerField(source="part.visit")
    channel = serializers.CharField(source="part.channel")
    person = serializers.IntegerField(source="part.person_id", allow_null=True)
    user = serializers.IntegerField(source="part.user_id", allow_null=True)
    label = serializers.CharField()  # type: ignore[assignment]
    ref = serializers.IntegerField(source="part.ref", allow_null=True)
    became = serializers.CharField(source="became.words")
    at = serializers.DateTimeField(source="became.at", allow_null=True)


class PartsAnswer(serializers.Serializer):
    """Everybody addressed, in order, at most 500."""

    results = ParticipantPartSerializer(many=True)


class RemoveGiven(ShapeSerializer):
    """Who is taken out, and why."""

    ids = serializers.ListField(child=IdField(), min_length=1, max_length=10_000)
    reason = serializers.CharField(required=False, max_length=200, default="Removed over the API")


class RetryGiven(ShapeSerializer):
    """Failed participants to try again."""

    ids = serializers.ListField(child=IdField(), min_length=1, max_length=10_000)


class ParticipantViewSet(ReadViewSet):
    """People and companies on their way through programs."""

    queryset = Participant.objects.all()
    serializer_class = ParticipantSerializer
    filterset_class = ParticipantFilter
    permissions = {
        "list": "journeys.view_participant",
        "retrieve": "journeys.view_participant",
        "feed": "journeys.view_participant",
        "parts": "journeys.view_participant",
        "remove": "journeys.enroll_participant",
        "retry": "journeys.enroll_participant",
    }

    def get_queryset(self) -> QuerySet[Participant]:
        """With names and steps."""
        return Participant.objects.select_related("person", "company", "step")

    @extend_schema(responses=FeedAnswer)
    @action(detail=True, methods=["get"])
    def feed(self, request: Request, pk: str) -> Response:
        """Every step, wait and decision of a participant, with the values used."""
        row = self.get_object()
        rows = list(Transition.objects.filter(participant_id=row.pk).order_by("id")[:MAX_FEED])
        ids = {i for t in rows for i in (t.step_id, t.to_step_id) if i}
        keys = dict(Step.objects.filter(pk__in=ids).values_list("pk", "key"))
        return Response(FeedAnswer({"results": rows}, context={"keys": keys}).data)

    @extend_schema(responses=PartsAnswer)
    @action(detail=True, methods=["get"])
    def parts(self, request: Request, pk: str) -> Response:
        """The people whom the steps of a company's run addressed, and what became of it."""
        rows = parts_of_run(self.get_object().pk)
        return Response(PartsAnswer({"results": rows}).data)

    @extend_schema(
        request=RemoveGiven,
        responses=CountAnswer,
        examples=[OpenApiExample("One", {"ids": [8], "reason": "Asked us to"}, request_only=True)],
    )
    @action(detail=False, methods=["post"])
    def remove(self, request: Request) -> Response:
        """Take participants out; how many were still inside."""
        shape = RemoveGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        given = shape.validated_data
        count = remove_participants(given["ids"], actor=request.user, reason=given["reason"])
        return Response({"count": count})

    @extend_schema(request=RetryGiven, responses=CountAnswer)
    @action(detail=False, methods=["post"])
    def retry(self, request: Request) -> Response:
        """Let failed participants try their step again; how many were revived."""
        shape = RetryGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        count = retry_participants(shape.validated_data["ids"], actor=request.user)
        return Response({"count": count})

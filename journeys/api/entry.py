"""Who gets in, over HTTP: files, newcomers in review, the refused, control group, hold-out."""

from typing import ClassVar

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from csplatform.api.fields import IdField, ObjectField, ShapeSerializer
from csplatform.api.filters import IdFilter
from csplatform.api.viewsets import ApiViewSet, ReadViewSet
from journeys.api.program_shapes import EnrollAnswer
from journeys.flow.parse import parse_flow
from journeys.models import EntryList, HoldOut, Program, Refusal
from journeys.operations.hold_out import HIGHEST, current_hold_out, set_hold_out
from journeys.operations.lists import upload_list
from journeys.operations.newcomers import ENTER, list_newcomers
from journeys.operations.refusals import try_again
from journeys.snapshot.uplift import program_uplift

ENTRY_PERMISSIONS = {
    "files": "journeys.view_program",
    "upload": "journeys.change_program",
    "newcomers": "journeys.view_participant",
    "control": "journeys.view_program",
}
MOST_NEWCOMERS = 1_000


class FileAnswer(serializers.ModelSerializer):
    """An uploaded file and how far its rows are matched."""

    columns = ObjectField()

    class Meta:
        model = EntryList
        fields = [
            "id", "name", "columns", "creates_people", "rows_total", "matched", "created", "wrong",
            "uploaded_at", "uploaded_by", "done_at",
        ]  # fmt: skip
        read_only_fields = fields


class FileGiven(ShapeSerializer):
    """A file as text; the first line names the columns."""

    name = serializers.CharField(max_length=200)
    text = serializers.CharField(max_length=60_000_000, trim_whitespace=False)
    columns = ObjectField(
        required=False,
        help_text='What each column is for by its place: {"0": "key", "1": "context_id",'
        ' "2": "field:plan", "3": "name", "4": "skip"}. Left out: by their names.',
    )
    creates_people = serializers.BooleanField(
        default=False, help_text="Unknown email addresses become people."
    )


class NewcomerAnswer(serializers.Serializer):
    """Somebody who would enter, or would be refused."""

    id = serializers.IntegerField()
    context_id = serializers.CharField()


class GroupAnswer(serializers.Serializer):
    """Runs of a group and how many reached the goal."""

    runs = serializers.IntegerField()
    goals = serializers.IntegerField()
    percent = serializers.FloatField()


class UpliftAnswer(serializers.Serializer):
    """What the program brings, in percentage points, with Newcombe's 95 % interval."""

    treated = GroupAnswer()
    control = GroupAnswer()
    difference = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()
    missing = serializers.CharField(help_text="Why nothing can be said yet; empty when it can.")
    sure = serializers.BooleanField(help_text="Whether the interval leaves out zero.")


class EntryActions(ApiViewSet):
    """Actions of the programs' viewset."""

    @extend_schema(responses=FileAnswer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None, filter_backends=[])
    def files(self, request: Request, pk: str) -> Response:
        """Uploaded files of a program, the newest first."""
        rows = EntryList.objects.filter(program=self.get_object())[:200]
        return Response(FileAnswer(rows, many=True).data)

    @extend_schema(
        request=FileGiven,
        responses={201: FileAnswer},
        examples=[
            OpenApiExample(
                "Tickets",
                {"name": "tickets.csv", "text": "email,context_id\nann@example.com,T-17\n"},
                request_only=True,
            )
        ],
    )
    @files.mapping.post
    def upload(self, request: Request, pk: str) -> Response:
        """Upload a file; name its id as the `list` of a source in the draft to let its people in.
        Rows are matched in the background."""
        program = self.get_object()
        shape = FileGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        given = shape.validated_data
        made = upload_list(
            program.pk, given["name"], given["text"].encode(), actor=request.user,
            columns={str(k): str(v) for k, v in given["columns"].items()}
            if given.get("columns") else None,
            creates_people=given["creates_people"],
        )  # fmt: skip
        return Response(FileAnswer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "of", str, description="enter, held_out or a reason; enter if not said"
            ),
            OpenApiParameter("offset", int, description="How many to pass over"),
        ],
        responses=NewcomerAnswer(many=True),
    )
    @action(detail=True, methods=["get"], pagination_class=None, filter_backends=[])
    def newcomers(self, request: Request, pk: str) -> Response:
        """Who would enter if the draft were published now, or be refused; at most 1,000."""
        program: Program = self.get_object()
        offset = request.query_params.get("offset", "")
        found = list_newcomers(
            program, parse_flow(program.draft), request.query_params.get("of", ENTER)[:60],
            offset=int(offset) if offset.isdecimal() and len(offset) < 10 else 0,
            limit=MOST_NEWCOMERS,
        )  # fmt: skip
        rows = [{"id": subject_id, "context_id": context_id} for subject_id, context_id in found]
        return Response(NewcomerAnswer(rows, many=True).data)

    @extend_schema(responses=UpliftAnswer)
    @action(detail=True, methods=["get"])
    def control(self, request: Request, pk: str) -> Response:
        """The goal rates in the program and held out, and what lies between them."""
        return Response(UpliftAnswer(program_uplift(self.get_object().pk)).data)


class RefusalFilter(django_filters.FilterSet):
    """The refused by program, subject and reason."""

    program = IdFilter(label="Id of a program")
    person = IdFilter(label="Id of a person")
    company = IdFilter(label="Id of a company that would travel itself")
    reason = django_filters.CharFilter(label="Reason, e.g. no_email")
    context_id = django_filters.CharFilter(label="Context id")

    class Meta:
        model = Refusal
        fields: ClassVar[list[str]] = []


class RefusalSerializer(serializers.ModelSerializer):
    """Somebody who did not get in, and why."""

    participant_fields = ObjectField(source="fields")
    cause = ObjectField()

    class Meta:
        model = Refusal
        fields = [
            "id", "program", "person", "company", "context_id", "participant_fields", "cause",
            "reason", "detail", "at", "times",
        ]  # fmt: skip
        read_only_fields = fields


class AgainGiven(ShapeSerializer):
    """Refused candidates to try again."""

    ids = serializers.ListField(child=IdField(), min_length=1, max_length=10_000)


class RefusalViewSet(ReadViewSet):
    """Failed participants: candidates that did not get into their programs."""

    queryset = Refusal.objects.all()
    serializer_class = RefusalSerializer
    filterset_class = RefusalFilter
    permissions = {
        "list": "journeys.view_participant",
        "retrieve": "journeys.view_participant",
        "retry": "journeys.enroll_participant",
    }

    def get_queryset(self) -> QuerySet[Refusal]:
        """All of them."""
        return Refusal.objects.all()

    @extend_schema(
        request=AgainGiven,
        responses=EnrollAnswer,
        examples=[OpenApiExample("Two", {"ids": [3, 9]}, request_only=True)],
    )
    @action(detail=False, methods=["post"])
    def retry(self, request: Request) -> Response:
        """Let them in with all that they came with, if they may enter now."""
        shape = AgainGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        return Response(
            EnrollAnswer(try_again(shape.validated_data["ids"], actor=request.user)).data
        )


class HoldOutGiven(ShapeSerializer):
    """The share of everybody that no program treats."""

    percent = serializers.DecimalField(max_digits=4, decimal_places=2, min_value=0,
                                       max_value=HIGHEST)  # fmt: skip


class HoldOutAnswer(serializers.ModelSerializer):
    """The share, and who set it."""

    changed_at = serializers.DateTimeField(allow_null=True)

    class Meta:
        model = HoldOut
        fields = ["percent", "changed_at", "changed_by"]
        read_only_fields = fields


class HoldOutViewSet(ApiViewSet):
    """The global hold-out: one setting."""

    queryset = HoldOut.objects.all()
    serializer_class = HoldOutAnswer
    permissions = {"current": "journeys.view_holdout", "change": "journeys.change_holdout"}

    @extend_schema(responses=HoldOutAnswer)
    @action(detail=False, methods=["get"], pagination_class=None, filter_backends=[])
    def current(self, request: Request) -> Response:
        """How many percent of everybody are held out of all programs."""
        return Response(HoldOutAnswer(current_hold_out()).data)

    @extend_schema(
        request=HoldOutGiven,
        responses=HoldOutAnswer,
        examples=[OpenApiExample("Five percent", {"percent": "5.00"}, request_only=True)],
    )
    @current.mapping.put
    def change(self, request: Request) -> Response:
        """Change it, for whoever enters from now on."""
        shape = HoldOutGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        row = set_hold_out(shape.validated_data["percent"], actor=request.user)
        return Response(HoldOutAnswer(row).data)

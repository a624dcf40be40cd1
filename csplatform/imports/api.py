"""Imports over HTTP: a small file as text; larger ones by the admin or the command."""

import django_filters
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from csplatform.api.fields import ShapeSerializer
from csplatform.api.viewsets import ReadViewSet
from csplatform.imports.models import ImportProblem, ImportRun, RunState
from csplatform.imports.operations import cancel, resume, set_mapping, start, upload

PROBLEMS_SHOWN = 1000


class ImportRunSerializer(serializers.ModelSerializer):
    """An import and how far it is."""

    class Meta:
        model = ImportRun
        fields = ["id", "kind", "file_name", "columns", "mapping", "options", "state", "error",
                  "total", "done", "created", "updated", "unchanged", "failed", "noted", "made_at",
                  "started_at", "ended_at"]  # fmt: skip
        read_only_fields = fields


class ProblemSerializer(serializers.ModelSerializer):
    """A row that could not be taken, or (`is_note`) a value that was left alone."""

    class Meta:
        model = ImportProblem
        fields = ["row", "column", "message", "is_note"]
        read_only_fields = fields


class ImportFileGiven(ShapeSerializer):
    """A table as text."""

    kind = serializers.CharField(max_length=40, help_text="people, companies, events ...")
    file_name = serializers.CharField(max_length=200, required=False, default="import.csv")
    text = serializers.CharField(
        max_length=2_000_000, trim_whitespace=False, help_text="CSV; the first line has headings."
    )


class MappingGiven(ShapeSerializer):
    """What the columns mean."""

    mapping = serializers.DictField(
        child=serializers.CharField(allow_blank=True, max_length=100),
        help_text="Column number from 0 to target; see `columns`.",
    )
    options = serializers.DictField(required=False, default=dict)


class StartGiven(ShapeSerializer):
    """Try or write."""

    dry_run = serializers.BooleanField(default=False)


class RunFilter(django_filters.FilterSet):
    """Imports by kind and state."""

    kind = django_filters.CharFilter()
    state = django_filters.ChoiceFilter(choices=RunState.choices)

    class Meta:
        model = ImportRun
        fields: list[str] = []


class ImportViewSet(ReadViewSet):
    """Files of customers on their way in. Each needs the permissions of what it writes."""

    queryset = ImportRun.objects.all()
    serializer_class = ImportRunSerializer
    filterset_class = RunFilter
    ordering = "-id"
    ordering_fields = ("id",)
    permissions = {
        "list": "imports.view_importrun",
        "retrieve": "imports.view_importrun",
        "problems": "imports.view_importrun",
        "create": "imports.add_importrun",
        "map": "imports.add_importrun",
        "start": "imports.add_importrun",
        "cancel": "imports.add_importrun",
        "resume": "imports.add_importrun",
    }

    def _answer(self, run: ImportRun, code: int = status.HTTP_200_OK) -> Response:
        return Response(ImportRunSerializer(run).data, status=code)

    @extend_schema(
        request=ImportFileGiven,
        responses={201: ImportRunSerializer},
        examples=[
            OpenApiExample(
                "Two people",
                {"kind": "people", "text": "Email,Name\nann@example.com,Ann\nben@example.com,Ben"},
                request_only=True,
            )
        ],
    )
    def create(self, request: Request) -> Response:
        """Bring a table; its columns are mapped as far as the headings tell."""
        shape = ImportFileGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        given = shape.validated_data
        content = given["text"].encode()
        run = upload(given["kind"], given["file_name"], content, actor=request.user)
        return self._answer(run, status.HTTP_201_CREATED)

    @extend_schema(
        request=MappingGiven,
        responses=ImportRunSerializer,
        examples=[
            OpenApiExample("Two columns", {"mapping": {"0": "email", "1": "name"}},
                           request_only=True)
        ],
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def map(self, request: Request, pk: str) -> Response:
        """Say what the columns mean."""
        shape = MappingGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        given = shape.validated_data
        run = set_mapping(
            self.get_object().pk, given["mapping"], given["options"], actor=request.user
        )
        return self._answer(run)

    @extend_schema(
        request=StartGiven,
        responses=ImportRunSerializer,
        examples=[OpenApiExample("Try it", {"dry_run": True}, request_only=True)],
    )
    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: str) -> Response:
        """Try all rows (nothing is written), or write them."""
        shape = StartGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        dry_run = shape.validated_data["dry_run"]
        return self._answer(start(self.get_object().pk, actor=request.user, dry_run=dry_run))

    @extend_schema(request=None, responses=ImportRunSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Stop at the next chunk of rows; what is in stays in."""
        return self._answer(cancel(self.get_object().pk, actor=request.user))

    @extend_schema(request=None, responses=ImportRunSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Go on where it was cancelled or failed."""
        return self._answer(resume(self.get_object().pk, actor=request.user))

    @extend_schema(request=None, responses=ProblemSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None, filter_backends=[])
    def problems(self, request: Request, pk: str) -> Response:
        """The first thousand rows that could not be taken, and why."""
        rows = self.get_object().problems.order_by("row", "pk")[:PROBLEMS_SHOWN]
        return Response(ProblemSerializer(rows, many=True).data)

"""Failures over HTTP: list, try again, call solved."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from csplatform.api.fields import CountAnswer, IdField, ShapeSerializer
from csplatform.api.viewsets import ReadViewSet
from csplatform.failures.filters import FailureFilter
from csplatform.failures.models import Failure
from csplatform.failures.operations import retry, solve


class FailureSerializer(serializers.ModelSerializer):
    """A failure as answered."""

    class Meta:
        model = Failure
        fields = [
            "id", "kind", "work", "lane", "error_type", "place", "message", "traceback", "passing",
            "count", "came_back", "first_at", "last_at", "state", "retried_at", "solved_at",
            "solved_by", "solved_how",
        ]  # fmt: skip
        read_only_fields = fields


class FailuresGiven(ShapeSerializer):
    """Up to 1,000 failures."""

    ids = serializers.ListField(child=IdField(), min_length=1, max_length=1000)


class FailureViewSet(ReadViewSet):
    """Errors inside jobs, one row for all that are alike."""

    queryset = Failure.objects.all()
    serializer_class = FailureSerializer
    filterset_class = FailureFilter
    ordering_fields = ("id", "last_at")
    permissions = {
        "list": "failures.view_failure",
        "retrieve": "failures.view_failure",
        "retry": "failures.change_failure",
        "solve": "failures.change_failure",
    }

    @extend_schema(request=FailuresGiven, responses=CountAnswer)
    @action(detail=False, methods=["post"])
    def retry(self, request: Request) -> Response:
        """Start their works and chores now; how many. Those that no longer exist are left alone."""
        shape = FailuresGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        return Response({"count": retry(shape.validated_data["ids"], actor=request.user)})

    @extend_schema(request=FailuresGiven, responses=CountAnswer)
    @action(detail=False, methods=["post"])
    def solve(self, request: Request) -> Response:
        """Call them solved; how many. They open again if they come back."""
        shape = FailuresGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        return Response({"count": solve(shape.validated_data["ids"], actor=request.user)})

"""Health over HTTP: profiles, scores, the pulse."""

import django_filters
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from csplatform.api.fields import ObjectField, ShapeSerializer
from csplatform.api.filters import IdFilter
from csplatform.api.viewsets import ReadViewSet
from csplatform.ascode.api import ExportMixin
from csplatform.health.models import HealthProfile, HealthScore, Label
from csplatform.health.operations import set_pulse


class HealthProfileSerializer(serializers.ModelSerializer):
    """How a segment's companies are measured; measures as in its export."""

    class Meta:
        model = HealthProfile
        fields = ["id", "name", "segment", "position", "good_from", "poor_below", "is_active"]
        read_only_fields = fields


class ProfileViewSet(ExportMixin, ReadViewSet):
    """How health is measured. Changed in the admin or by import."""

    queryset = HealthProfile.objects.all()
    serializer_class = HealthProfileSerializer
    ordering = "id"
    ordering_fields = ("id", "name")
    permissions = {
        "list": "health.view_healthprofile",
        "retrieve": "health.view_healthprofile",
        "export": "health.view_healthprofile",
    }


class HealthScoreSerializer(serializers.ModelSerializer):
    """How a company stands, and why."""

    id = serializers.IntegerField(source="company_id")
    reasons = serializers.ListField(child=ObjectField())

    class Meta:
        model = HealthScore
        fields = ["id", "company", "score", "label", "profile", "reasons", "computed_at",
                  "changed_at"]  # fmt: skip
        read_only_fields = fields


class ScoreFilter(django_filters.FilterSet):
    """Scores by company, word, profile and points."""

    company = IdFilter(label="Id of a company")
    profile = IdFilter(label="Id of a profile")
    label = django_filters.ChoiceFilter(choices=Label.choices)
    below = django_filters.NumberFilter(field_name="score", lookup_expr="lt")

    class Meta:
        model = HealthScore
        fields: list[str] = []


class PulseGiven(ShapeSerializer):
    """What somebody feels about a company."""

    company = serializers.IntegerField(min_value=1)
    points = serializers.IntegerField(min_value=0, max_value=100)
    note = serializers.CharField(required=False, allow_blank=True, max_length=2000, default="")
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class ScoreViewSet(ReadViewSet):
    """How companies stand."""

    queryset = HealthScore.objects.all()
    serializer_class = HealthScoreSerializer
    filterset_class = ScoreFilter
    ordering = "company_id"
    ordering_fields = ("company_id",)
    permissions = {
        "list": "health.view_healthscore",
        "retrieve": "health.view_healthscore",
        "pulse": "health.add_pulse",
    }

    @extend_schema(
        request=PulseGiven,
        responses={201: HealthScoreSerializer},
        examples=[
            OpenApiExample("Worried", {"company": 7, "points": 30, "note": "Sponsor left"},
                           request_only=True)
        ],
    )  # fmt: skip
    @action(detail=False, methods=["post"])
    def pulse(self, request: Request) -> Response:
        """Put down a pulse; answers with the score as it is then."""
        shape = PulseGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        given = dict(shape.validated_data)
        pulse = set_pulse(given.pop("company"), given.pop("points"), actor=request.user, **given)
        row = HealthScore.objects.get(company=pulse.company_id)
        return Response(HealthScoreSerializer(row).data, status=status.HTTP_201_CREATED)

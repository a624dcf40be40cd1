"""The audit trail, for admins (SEC-01)."""

import django_filters
from rest_framework import serializers

from csplatform.accounts.models import AuditEntry
from csplatform.api.filters import IdFilter
from csplatform.api.viewsets import ReadViewSet


class AuditFilter(django_filters.FilterSet):
    """By whom, what, on what, when."""

    actor = IdFilter()
    verb = django_filters.CharFilter()
    subject_type = django_filters.CharFilter()
    subject_id = django_filters.CharFilter()
    since = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")
    until = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="lt")

    class Meta:
        model = AuditEntry
        fields: list[str] = []


class AuditEntrySerializer(serializers.ModelSerializer):
    """One change."""

    class Meta:
        model = AuditEntry
        fields = [
            "id", "at", "actor", "actor_label", "verb", "subject_type", "subject_id",
            "subject_label", "before", "after",
        ]  # fmt: skip
        read_only_fields = fields


class AuditViewSet(ReadViewSet):
    """Who changed what. For admins only."""

    queryset = AuditEntry.objects.all()
    serializer_class = AuditEntrySerializer
    filterset_class = AuditFilter
    permissions = {
        "list": "accounts.view_auditentry",
        "retrieve": "accounts.view_auditentry",
    }

"""Filters of lists: what rooms' filter sets are made of, and the backend that is strict."""

from typing import Any

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework.request import Request

from csplatform.kit.errors import DomainError, Problem

LARGEST = 2**63 - 1
OF_PAGING = ("cursor", "limit", "ordering")


class StrictFilterBackend(DjangoFilterBackend):
    """A parameter that no filter knows is an error, not ignored: a typo must not list everybody."""

    def filter_queryset(self, request: Request, queryset: QuerySet, view: Any) -> QuerySet:
        """Apply the view's filter set. Raises DomainError for unknown parameters."""
        filterset = self.get_filterset_class(view, queryset)
        known = set(filterset.base_filters if filterset else ()) | set(OF_PAGING)
        problems = [
            Problem(f"/{name[:100]}", "There is no such filter.", "unknown")
            for name in request.query_params
            if name not in known
        ]
        if problems:
            raise DomainError(problems)
        return super().filter_queryset(request, queryset, view)


class _IdField(forms.IntegerField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"min_value": 0, "max_value": LARGEST, **kwargs})


@extend_schema_field({"type": "integer", "minimum": 0, "maximum": LARGEST})
class IdFilter(django_filters.NumberFilter):
    """An id of another row; larger than any column could hold is an error."""

    field_class = _IdField

    def get_max_validator(self) -> None:  # type: ignore[override]
        """The field brings its own."""


@extend_schema_field(OpenApiTypes.STR)
class PrefixSearch(django_filters.CharFilter):
    """The beginning of one of some text columns, in any letter case (indexes on lower(column))."""

    def __init__(self, *columns: str, **kwargs: Any) -> None:
        super().__init__(**{"max_length": 200, **kwargs})
        self.columns = columns

    def filter(self, qs: QuerySet, value: Any) -> QuerySet:
        """Rows of which a column begins so."""
        if not value:
            return qs
        beginnings = Q()
        for column in self.columns:
            qs = qs.alias(**{f"lower_{column}": Lower(column)})
            beginnings |= Q(**{f"lower_{column}__startswith": value.lower()})
        return qs.filter(beginnings)

"""Filters of the program list."""

from typing import Any

from django.contrib.admin import ModelAdmin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter

from journeys.flow.models import program_models
from journeys.models import Folder, Program

UNCATEGORIZED = "none"


class FolderFilter(DropdownFilter):
    """By folder; programs without one are "Uncategorized"."""

    title = "folder"
    parameter_name = "folder"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        """All folders with the number of their programs."""
        alone = Program.objects.filter(folder=None).count()
        rows = Folder.objects.annotate(count=Count("programs")).order_by("name")
        found = [(UNCATEGORIZED, f"Uncategorized ({alone})")]
        return [*found, *((str(row.pk), f"{row.name} ({row.count})") for row in rows)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Programs of the folder."""
        chosen = self.value()
        if chosen == UNCATEGORIZED:
            return queryset.filter(folder=None)
        if chosen and chosen.isdecimal() and len(chosen) < 19:
            return queryset.filter(folder=int(chosen))
        return queryset


class ModelFilter(DropdownFilter):
    """By program model."""

    title = "model"
    parameter_name = "model"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        """All models."""
        return [(model.key, model.label) for model in program_models]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Programs of the model."""
        chosen = self.value()
        return queryset.filter(model=chosen) if chosen in program_models else queryset

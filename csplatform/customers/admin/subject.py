"""What the pages of companies and people share: declared attributes as fields, search."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from unfold.views import ChangeList
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSingleDateWidget,
    UnfoldAdminTextInputWidget,
)

from csplatform.adminkit.base import PREFIX, CompletingList, ModelAdmin
from csplatform.adminkit.export import ExportColumn
from csplatform.customers.attributes import attribute_specs, normal, stored_value
from csplatform.customers.models import AttributeDefinition
from csplatform.customers.models.attribute import AttributeType
from csplatform.customers.search import matching

_DECLARED = "_csplatform_declared"
YES_NO = [("", "–"), ("true", "Yes"), ("false", "No")]


class SnapshotChangeList(CompletingList):
    """A list whose rows lead to the page that tells most: the snapshot."""

    def url_for_result(self, result: Any) -> str:
        """The snapshot page."""
        return reverse(f"{self.opts.model_name}-snapshot", args=[result.pk])


class SubjectAdmin(ModelAdmin):
    """Base of the pages of companies and people. Saving goes through the room's operations."""

    subject = ""
    more_columns: tuple[ExportColumn, ...] = ()
    list_per_page = 50
    guards_changes = False  # only changed values are written

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Rows open the snapshot; it has the button to edit."""
        return SnapshotChangeList

    def export_columns(self, request: HttpRequest) -> list[ExportColumn]:
        """All attributes, under the headings by which an import knows them again."""
        specs = attribute_specs(self.subject).values()
        own = [
            ExportColumn(spec.label, partial(lambda spec, row: stored_value(row, spec), spec))
            for spec in specs
        ]
        return [ExportColumn("Record id", lambda row: row.pk), *own, *self.more_columns]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By the beginning of the name and what else has an index."""
        return matching(self.subject, queryset, search_term), False

    def page_of(self, obj: Any) -> str:
        """Where the search leads."""
        return reverse(f"{self.subject}-snapshot", args=[obj.pk])

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Those who live: tombstones of merges are history."""
        return super().get_queryset(request).filter(merged_into=None)

    def get_form(
        self, request: HttpRequest, obj: Any | None = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm]:
        """The form with one field per declared attribute."""
        declared = {
            PREFIX + row.name: _field(row, obj.attributes.get(row.name) if obj else None)
            for row in self._declared(request)
        }
        kwargs["form"] = type(self.form.__name__, (self.form,), declared)
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any | None = None) -> list[Any]:
        """The declared attributes stand in a part of their own."""
        fieldsets = list(super().get_fieldsets(request, obj))
        names = [PREFIX + row.name for row in self._declared(request)]
        if names:
            fieldsets.append(("Custom attributes", {"fields": names}))
        return fieldsets

    def _declared(self, request: HttpRequest) -> list[AttributeDefinition]:
        if not hasattr(request, _DECLARED):
            rows = AttributeDefinition.objects.filter(subject=self.subject)
            setattr(request, _DECLARED, list(rows))
        return getattr(request, _DECLARED)

    def stated(self, form: forms.ModelForm, columns: Iterable[str], change: bool) -> dict[str, Any]:
        """What the form says: changed values, or everything that is filled in for a new one."""
        values = {}
        for name, value in form.cleaned_data.items():
            attribute = name.removeprefix(PREFIX)
            if not name.startswith(PREFIX) and name not in columns:
                continue
            if (name in form.changed_data) if change else value not in (None, "", []):
                values[attribute] = value
        return values


def _field(row: AttributeDefinition, value: Any) -> forms.Field:
    """An input for a declared attribute."""
    more: dict[str, Any] = {"label": row.label, "required": False, "initial": normal(value)}
    if row.type == AttributeType.NUMBER:
        return forms.FloatField(widget=UnfoldAdminIntegerFieldWidget(attrs={"step": "any"}), **more)
    if row.type == AttributeType.BOOLEAN:
        more["initial"] = {True: "true", False: "false"}.get(value, "")
        return forms.ChoiceField(choices=YES_NO, widget=UnfoldAdminSelectWidget, **more)
    if row.type == AttributeType.CHOICE:
        choices = [("", "–"), *((choice, choice) for choice in row.choices)]
        return forms.ChoiceField(choices=choices, widget=UnfoldAdminSelectWidget, **more)
    if row.type == AttributeType.DATE:
        return forms.DateField(widget=UnfoldAdminSingleDateWidget, **more)
    hints: dict[str, str] = {
        AttributeType.LIST: "Separate by commas.",
        AttributeType.DATETIME: "Like 2026-01-31 14:00, UTC.",
        AttributeType.LINK: "https://…",
    }
    if row.type == AttributeType.LIST and isinstance(value, list):
        more["initial"] = ", ".join(map(str, value))
    more["help_text"] = hints.get(row.type, "")
    return forms.CharField(widget=UnfoldAdminTextInputWidget, **more)


def seen(row: Any) -> Any:
    """When somebody of a company, or a person, did something last; None for never."""
    return row.activity.last_seen_at if hasattr(row, "activity") else None

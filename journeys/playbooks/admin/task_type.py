"""Task types: the list that admins keep."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from csplatform.adminkit.base import ModelAdmin
from csplatform.kit import sql
from journeys.models import TaskType
from journeys.playbooks.operations.types import TypeInput, delete_type, save_type


@admin.register(TaskType)
class TaskTypeAdmin(ModelAdmin):
    """Kinds of work, in the order of lists."""

    icon = "category"
    list_display = ["name", "shown_icon", "outcome", "shown_reasons", "open_tasks", "is_active"]
    list_filter = ["is_active", "asks_outcome"]
    search_fields = ["name"]
    ordering = ["position", "name"]
    fields = ["name", "icon", "asks_outcome", "reasons", "position", "is_active"]
    empty_title = "No task types yet"
    empty_text = "Add one, e.g. Call or Risk; every task has a type."

    def get_queryset(self, request: HttpRequest) -> QuerySet[TaskType]:
        """The rows; open tasks are counted once per page."""
        self._open: dict[int, int] = dict(
            sql.rows(
                "SELECT type_id, count(*) FROM journeys_task WHERE status <> 'closed' GROUP BY 1"
            )
        )
        return super().get_queryset(request)

    @admin.display(description="Icon")
    def shown_icon(self, row: TaskType) -> SafeString:
        """As on the work list."""
        return format_html(
            '<span class="material-symbols-outlined" aria-label="{}">{}</span>', row.icon, row.icon
        )

    @display(description="Asks how it went", boolean=True)
    def outcome(self, row: TaskType) -> bool:
        """Whether closing asks."""
        return row.asks_outcome

    @admin.display(description="Reasons")
    def shown_reasons(self, row: TaskType) -> str:
        """Its list, or that any words do."""
        return ", ".join(row.reasons) or "any words"

    @admin.display(description="Open tasks")
    def open_tasks(self, row: TaskType) -> str | SafeString:
        """How many, leading to them."""
        link = f"{reverse('work')}?whose=all&type={row.pk}"
        count = self._open.get(row.pk, 0)
        return (
            format_html('<a class="cs-link" href="{}">{}</a>', link, f"{count:,}") if count else "–"
        )

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm, change: bool) -> None:
        """Through the operation."""
        values = {name: form.cleaned_data[name] for name in self.fields if name != "reasons"}
        reasons = form.cleaned_data["reasons"] or []
        given = TypeInput(**values, reasons=reasons)
        row = save_type(given, actor=request.user, type_id=obj.pk if change else None)
        obj.pk = row.pk

    def delete_model(self, request: HttpRequest, obj: TaskType) -> None:
        """Through the operation, which refuses what is used."""
        delete_type(obj.pk, actor=request.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[TaskType]) -> None:
        """Each through the operation."""
        for row in queryset:
            delete_type(row.pk, actor=request.user)

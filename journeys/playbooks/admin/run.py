"""Runs of playbooks: where they stand, their tasks, stopping them (PRG-80)."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import SimpleListFilter
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import action, display

from csplatform.adminkit.base import ReadOnlyAdmin
from csplatform.kit.clock import now
from journeys.models import PlaybookRun
from journeys.playbooks.operations.runs import stop_runs

_TONES = {"Running": "info", "Overdue": "danger", "Completed": "success", "Stopped": ""}


class OverdueFilter(SimpleListFilter):
    """Runs that take longer than expected."""

    title = "overdue"
    parameter_name = "overdue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Only those that are."""
        return [("yes", "Overdue")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Running ones whose expected end is over."""
        if self.value() != "yes":
            return queryset
        return queryset.filter(state="running", due_on__lt=now().date())


@admin.register(PlaybookRun)
class PlaybookRunAdmin(ReadOnlyAdmin):
    """Every assignment of a playbook."""

    icon = "playlist_add_check"
    list_display = ["name", "about", "shown_state", "progress", "started_at", "due_on", "ended_at",
                    "came_from"]  # fmt: skip
    list_filter = ["state", OverdueFilter, "playbook", ("company", AutocompleteSelectFilter),
                   ("person", AutocompleteSelectFilter)]  # fmt: skip
    search_fields = ["name"]
    in_palette = False
    ordering = ["-id"]
    fields = ["name", "about", "shown_state", "progress", "started_at", "started_by", "due_on",
              "ended_at", "came_from", "its_tasks"]  # fmt: skip
    actions = ["stop_and_keep", "stop_and_close"]
    empty_title = "No playbook was assigned yet"
    empty_text = (
        "Assign one from the page of a company or person, from their lists, or in a program."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[PlaybookRun]:
        """With the progress of their tasks."""
        rows = super().get_queryset(request).select_related("person", "company", "program")
        return rows.annotate(
            all_tasks=Count("tasks"), done_tasks=Count("tasks", filter=Q(tasks__status="closed"))
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any | None = None) -> list[str]:
        """All of them."""
        return list(self.fields)

    @admin.display(description="For")
    def about(self, row: PlaybookRun) -> SafeString:
        """Whom, leading to their page."""
        page = f"/people/{row.person_id}/" if row.person_id else f"/companies/{row.company_id}/"
        return format_html(
            '<a class="cs-link" href="{}">{}</a>', page, str(row.person or row.company)
        )

    @display(description="State", label=_TONES)
    def shown_state(self, row: PlaybookRun) -> str:
        """Overdue is told apart."""
        return "Overdue" if row.is_overdue(now().date()) else str(row.get_state_display())

    @admin.display(description="Done")
    def progress(self, row: Any) -> str:
        """Tasks done of all."""
        return f"{row.done_tasks} of {row.all_tasks}"

    @admin.display(description="Assigned by")
    def came_from(self, row: PlaybookRun) -> str:
        """A program or somebody."""
        return f"Program {row.program}" if row.program else str(row.started_by or "the system")

    @admin.display(description="Tasks")
    def its_tasks(self, row: PlaybookRun) -> SafeString:
        """Each with its state."""
        tasks = row.tasks.select_related("assignee").order_by("place", "id")
        lines = [
            (
                str(task), task.get_status_display(), task.get_outcome_display() or "",
                task.assignee or "nobody", f"{task.due_on:%d %b %Y}" if task.due_on else "no date",
            )
            for task in tasks
        ]  # fmt: skip
        rows = format_html_join(
            "", "<tr><td>{}</td><td>{} {}</td><td>{}</td><td>{}</td></tr>",
            [(title, status, outcome if status == "Closed" else "", who, due)
             for title, status, outcome, who, due in lines],
        )  # fmt: skip
        return format_html('<table class="cs-rows">{}</table>', rows)

    def has_stop_permission(self, request: HttpRequest) -> bool:
        """Who may stop runs."""
        user: Any = request.user
        return bool(user.has_perm("journeys.change_playbookrun"))

    @action(description="Stop, keep the open tasks", permissions=["stop"])
    def stop_and_keep(self, request: HttpRequest, queryset: QuerySet[PlaybookRun]) -> None:
        """Stop the running ones among them."""
        _stop(request, queryset, close=False)

    @action(description="Stop, close the open tasks", permissions=["stop"])
    def stop_and_close(self, request: HttpRequest, queryset: QuerySet[PlaybookRun]) -> None:
        """Stop the running ones among them, with their tasks."""
        _stop(request, queryset, close=True)


def _stop(request: HttpRequest, queryset: QuerySet[PlaybookRun], *, close: bool) -> None:
    ids = list(queryset.order_by().values_list("pk", flat=True))
    count = stop_runs(ids, close=close, actor=request.user)
    messages.success(request, f"{count:,} of {len(ids):,} runs stopped.")

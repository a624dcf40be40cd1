"""All tasks: list with filters and bulk actions, form (PRG-81, PRG-82)."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import action, display

from csplatform.adminkit.base import ModelAdmin, tell_problems
from csplatform.kit.clock import now
from csplatform.kit.errors import DomainError
from journeys.models import Task
from journeys.models.task import TaskQuerySet
from journeys.playbooks.days import snoozed_until, today_of
from journeys.playbooks.operations.change import assign_tasks, edit_task, hand_over, snooze_tasks
from journeys.playbooks.operations.close import Done, close_tasks, reopen_tasks
from journeys.playbooks.operations.create import NewTask, create_tasks

MAX_ROWS = 10_000
_TONES = {"Open": "info", "In progress": "warning", "Snoozed": "", "Closed": "success"}


class StandFilter(SimpleListFilter):
    """Where tasks stand, as one asks for it."""

    title = "stand"
    parameter_name = "stand"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Open first: the closed ones are many."""
        return [
            ("open", "Open"), ("overdue", "Overdue"), ("nobody", "Open, of nobody"),
            ("snoozed", "Snoozed"), ("closed", "Closed"), ("successful", "Closed successful"),
            ("lost", "Closed lost"),
        ]  # fmt: skip

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those of the choice."""
        found: TaskQuerySet = queryset  # type: ignore[assignment]
        choices: dict[str | None, Callable[[], QuerySet[Any]]] = {
            "open": found.still_open,
            "overdue": lambda: found.overdue(today_of(request.user, now())),
            "nobody": lambda: found.still_open().of_nobody(),
            "snoozed": lambda: found.filter(status="snoozed"),
            "closed": lambda: found.filter(status="closed"),
            "successful": lambda: found.filter(outcome="successful"),
            "lost": lambda: found.filter(outcome="lost"),
        }
        return choices.get(self.value(), lambda: queryset)()


@admin.register(Task)
class TaskAdmin(ModelAdmin):
    """Every task there is; the work list is where one works with them."""

    icon = "checklist"
    list_display = ["title_and_type", "about", "shown_status", "due_on", "priority", "assignee",
                    "came_from", "created_at"]  # fmt: skip
    list_filter = [StandFilter, "type", "priority", "origin",
                   ("assignee", AutocompleteSelectFilter), ("company", AutocompleteSelectFilter),
                   ("program", AutocompleteSelectFilter)]  # fmt: skip
    search_fields = ["title"]
    in_palette = False
    ordering = ["-id"]
    fields = ["title", "description", "person", "company", "type", "reason", "priority", "due_on",
              "assignee"]  # fmt: skip
    autocomplete_fields = ["person", "company", "assignee"]
    actions = ["close_successful", "close_lost", "close_plain", "reopen", "take", "to_nobody",
               "to_csm", "snooze"]  # fmt: skip
    empty_title = "No tasks yet"
    empty_text = "They come from programs, playbooks and people; add one here or on the work list."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Task]:
        """With everything that a line shows."""
        return super().get_queryset(request).select_related(
            "type", "person", "company", "assignee", "program", "run"
        )  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: Any | None = None) -> list[str]:
        """Whom it is about stays."""
        return ["person", "company", "stands"] if obj else []

    def get_fields(self, request: HttpRequest, obj: Any | None = None) -> list[str]:
        """Where it stands, once it does."""
        return [*self.fields, "stands"] if obj else self.fields

    def has_delete_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        """Tasks are closed, not deleted: history and programs rest on them."""
        return False

    @display(description="Task", header=True, ordering="title")
    def title_and_type(self, row: Task) -> list[str]:
        """Title and, below, type and reason."""
        return [str(row), f"{row.type}{f' · {row.reason}' if row.reason else ''}"]

    @admin.display(description="About")
    def about(self, row: Task) -> SafeString:
        """Whom, leading to their page."""
        return format_html(
            '<a class="cs-link" href="{}">{}</a>', row.subject_url, row.subject_label
        )

    @display(description="Status", label=_TONES)
    def shown_status(self, row: Task) -> str:
        """In words."""
        return str(row.get_status_display())

    @admin.display(description="From")
    def came_from(self, row: Task) -> str:
        """Program, playbook or by hand."""
        return row.origin_label

    @admin.display(description="Status")
    def stands(self, row: Task) -> SafeString:
        """In a sentence, with the way to comments and history."""
        link = f"{reverse('work')}?whose=all&company={row.company_id or ''}"
        words = row.get_status_display() + (
            f", {row.get_outcome_display().lower()}" if row.outcome else ""
        )
        return format_html(
            '{} · {} · <a class="cs-link" href="{}">Work list</a>', words, row.origin_label, link
        )

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm, change: bool) -> None:
        """Through the operations."""
        values = {
            "title": obj.title, "description": obj.description, "type_id": obj.type_id,
            "reason": obj.reason, "priority": obj.priority, "due_on": obj.due_on,
            "assignee_id": obj.assignee_id,
        }  # fmt: skip
        if change:
            edit_task(obj.pk, values, actor=request.user)
            return
        new = NewTask(**values, person_id=obj.person_id, company_id=obj.company_id,
                      guarded=bool(obj.reason))  # fmt: skip
        (made,) = create_tasks([new], actor=request.user)
        if not made.new:
            messages.info(request, "A task of this type and reason was open; it was updated.")
        obj.pk = made.task_id

    def _bulk(
        self, request: HttpRequest, queryset: QuerySet[Task], do: Callable[[list[int]], Done]
    ) -> None:
        ids = list(queryset.order_by().values_list("pk", flat=True)[:MAX_ROWS])
        try:
            done = do(ids)
        except DomainError as error:
            tell_problems(request, error)
            return
        messages.success(request, f"{len(done.ids):,} of {len(ids):,} tasks changed.")

    @action(description="Close as successful", permissions=["change"])
    def close_successful(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        """Close the chosen ones."""
        who = request.user
        self._bulk(request, queryset, lambda i: close_tasks(i, outcome="successful", actor=who))

    @action(description="Close as lost", permissions=["change"])
    def close_lost(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        """Close the chosen ones."""
        who = request.user
        self._bulk(request, queryset, lambda i: close_tasks(i, outcome="lost", actor=who))

    @action(description="Close without an outcome", permissions=["change"])
    def close_plain(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        """Close the chosen ones."""
        self._bulk(request, queryset, lambda ids: close_tasks(ids, actor=request.user))

    @action(description="Open again", permissions=["change"])
    def reopen(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        """Open the closed ones among them."""
        self._bulk(request, queryset, lambda ids: reopen_tasks(ids, actor=request.user))

    @action(description="Assign to me", permissions=["change"])
    def take(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        """Give them to whoever is signed in."""
        user: Any = request.user
        self._bulk(request, queryset, lambda ids: assign_tasks(ids, user.pk, actor=user))

    @action(description="Assign to nobody", permissions=["change"])
    def to_nobody(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        """Put them on the list of nobody."""
        self._bulk(request, queryset, lambda ids: assign_tasks(ids, None, actor=request.user))

    @action(description="Hand over to the company’s CSM", permissions=["change"])
    def to_csm(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        """Give all open tasks of their companies that are somebody else's to the CSM."""
        companies = {row for row in queryset.order_by().values_list("company", flat=True) if row}
        counts = hand_over(companies, actor=request.user)
        messages.success(request, f"{sum(counts.values()):,} tasks went to {len(counts):,} CSMs.")

    @action(description="Snooze until tomorrow", permissions=["change"])
    def snooze(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        """Put them aside for a day."""
        until = snoozed_until("tomorrow", request.user, now())
        assert until is not None
        self._bulk(request, queryset, lambda ids: snooze_tasks(ids, until, actor=request.user))

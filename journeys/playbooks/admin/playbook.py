"""Playbooks: list, form with ordered tasks, copies, what uses them (PRG-80)."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.admin import StackedInline
from unfold.decorators import action

from csplatform.adminkit.base import ModelAdmin
from csplatform.kit.errors import DomainError, Problem
from journeys.emails.usage import ProgramUse, reference_usage
from journeys.models import Playbook, PlaybookTask
from journeys.playbooks.operations.playbooks import (
    PlaybookInput,
    TaskLine,
    clone_playbook,
    delete_playbook,
    save_playbook,
)


class TaskInline(StackedInline):
    """The tasks in their order; drag them to sort."""

    model = PlaybookTask
    extra = 0
    ordering_field = "position"
    hide_ordering_field = True
    autocomplete_fields = ["fallback"]
    fieldsets = [
        (None, {"fields": ["position", "title", ("type", "reason", "priority"),
                           ("due_days", "owner_role", "fallback"), "description"]}),
    ]  # fmt: skip
    verbose_name = "task"
    verbose_name_plural = "tasks, in their order"


@admin.register(Playbook)
class PlaybookAdmin(ModelAdmin):
    """Named lists of tasks."""

    icon = "library_add_check"
    list_display = ["name", "subject", "tasks_shown", "expected", "running", "completed", "used_by",
                    "is_active"]  # fmt: skip
    list_filter = ["subject", "is_active"]
    search_fields = ["name"]
    ordering = ["name"]
    fields = ["name", "description", "subject", "expected_days", "skip_weekends", "is_active"]
    inlines = [TaskInline]
    actions_detail = ["clone"]
    empty_title = "No playbooks yet"
    empty_text = "A playbook is a list of tasks that starts as a whole: onboarding, renewal, risk."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Playbook]:
        """With counts; usage is read once per page."""
        self._usage: dict[int, list[ProgramUse]] = reference_usage("playbook")
        return super().get_queryset(request).annotate(
            task_count=Count("tasks", distinct=True),
            running_count=Count("runs", filter=Q(runs__state="running"), distinct=True),
            completed_count=Count("runs", filter=Q(runs__state="completed"), distinct=True),
        )  # fmt: skip

    @admin.display(description="Tasks", ordering="task_count")
    def tasks_shown(self, row: Any) -> int:
        """How many."""
        return int(row.task_count)

    @admin.display(description="Expected length", ordering="expected_days")
    def expected(self, row: Playbook) -> str:
        """In days."""
        return f"{row.expected_days} days" if row.expected_days else "–"

    @admin.display(description="Running", ordering="running_count")
    def running(self, row: Any) -> str | SafeString:
        """How many runs, leading to them."""
        return _runs(row.pk, "running", row.running_count)

    @admin.display(description="Completed", ordering="completed_count")
    def completed(self, row: Any) -> str | SafeString:
        """How many runs, leading to them."""
        return _runs(row.pk, "completed", row.completed_count)

    @admin.display(description="Used by")
    def used_by(self, row: Playbook) -> SafeString:
        """Programs under way that assign it, each a link."""
        uses = self._usage.get(row.pk, [])
        if not uses:
            return format_html('<span class="cs-muted">{}</span>', "no program")
        page = "admin:journeys_program_snapshot"
        links = [(reverse(page, args=[use.program_id]), use.name) for use in uses]
        return format_html_join(", ", '<a class="cs-link" href="{}">{}</a>', links)

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm, change: bool) -> None:
        """Written with its tasks, by save_related."""

    def save_related(
        self, request: HttpRequest, form: ModelForm, formsets: Any, change: bool
    ) -> None:
        """Playbook and tasks as one, through the operation."""
        lines = [line for formset in formsets for line in _lines(formset)]
        values = {
            name: form.cleaned_data[name] for name in self.fields if name in form.cleaned_data
        }
        given = PlaybookInput(**values, tasks=[line for _, line in lines])
        playbook_id = form.instance.pk if change else None
        try:
            row = save_playbook(given, actor=request.user, playbook_id=playbook_id)
        except DomainError as error:
            raise DomainError([_placed(problem) for problem in error.problems]) from None
        form.instance.pk = row.pk
        for formset in formsets:
            formset.new_objects, formset.changed_objects, formset.deleted_objects = [], [], []

    def delete_model(self, request: HttpRequest, obj: Playbook) -> None:
        """Through the operation, which refuses what is used."""
        delete_playbook(obj.pk, actor=request.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Playbook]) -> None:
        """Each through the operation."""
        for row in queryset:
            delete_playbook(row.pk, actor=request.user)

    @action(description="Copy", icon="content_copy", permissions=["journeys.add_playbook"])
    def clone(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A copy to change."""
        row = clone_playbook(int(object_id), actor=request.user)
        messages.success(request, f"This is the copy: “{row}”.")
        return HttpResponseRedirect(reverse("admin:journeys_playbook_change", args=[row.pk]))


def _lines(formset: Any) -> list[tuple[int, TaskLine]]:
    """The rows that stay, in their order; new ones without a place come last."""
    rows = []
    for number, form in enumerate(formset.forms):
        data = form.cleaned_data
        if not data or data.get("DELETE") or not data.get("title"):
            continue
        place = data.get("position")
        line = TaskLine(
            title=data["title"], type_id=data["type"].pk, description=data["description"],
            reason=data["reason"], priority=int(data["priority"]), due_days=data["due_days"],
            owner_role=data["owner_role"],
            fallback_id=data["fallback"].pk if data["fallback"] else None,
        )  # fmt: skip
        rows.append(((10_000 if place is None else place, number), line))
    return [(n, line) for n, (_, line) in enumerate(sorted(rows, key=lambda row: row[0]))]


def _placed(problem: Problem) -> Problem:
    """A problem of a task says which one: its field stands in another form."""
    parts = problem.path.strip("/").split("/")
    if parts[0] != "tasks" or len(parts) < 3:
        return problem
    message = f"Task {int(parts[1]) + 1}, {parts[2].replace('_', ' ')}: {problem.message}"
    return Problem("", message, problem.code)


def _runs(playbook_id: int, state: str, count: int) -> str | SafeString:
    url = reverse("admin:journeys_playbookrun_changelist")
    link = f"{url}?playbook__id__exact={playbook_id}&state__exact={state}"
    return format_html('<a class="cs-link" href="{}">{}</a>', link, f"{count:,}") if count else "–"

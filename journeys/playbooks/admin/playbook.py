"""Playbooks: list, form with ordered tasks, copies, what uses them (PRG-80)."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet, TextField
from django.forms import ChoiceField, ModelForm
from django.forms import Field as FormField
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.admin import StackedInline
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from csplatform.adminkit.base import ModelAdmin
from journeys.emails.tokens import known_tokens
from journeys.emails.usage import ProgramUse, reference_usage
from journeys.models import Playbook, PlaybookTask
from journeys.playbooks.choices import owner_roles
from journeys.playbooks.operations.playbooks import (
    PlaybookInput,
    TaskLine,
    clone_playbook,
    delete_playbook,
    line_problems,
    save_playbook,
)


class TaskFormSet(BaseInlineFormSet):
    """Says what is wrong with a task at its own inputs."""

    def clean(self) -> None:
        """As the operation would, before anything is written."""
        super().clean()
        known = known_tokens()
        for form in self.forms:
            line = _line(form)
            if line is None:
                continue
            for problem in line_problems(line, form.cleaned_data["type"], known, ""):
                name = problem.path.strip("/")
                form.add_error(name if name in form.fields else None, problem.message)


class TaskInline(StackedInline):
    """The tasks in their order; drag them to sort."""

    model = PlaybookTask
    formset = TaskFormSet
    extra = 0
    ordering_field = "position"
    hide_ordering_field = True
    autocomplete_fields = ["fallback"]
    formfield_overrides: Any = {TextField: {"widget": UnfoldAdminTextareaWidget(attrs={"rows": 2})}}
    fieldsets = [
        (None, {"fields": ["position", "title", ("type", "reason", "priority"),
                           ("due_days", "owner_role", "fallback"), "description"]}),
    ]  # fmt: skip
    verbose_name = "task"

    def formfield_for_dbfield(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> FormField | None:
        """The role is chosen from those that somebody has; a type is chosen, not made here."""
        if db_field.name == "owner_role":
            choices = [("", "Nobody"), *owner_roles()]
            return ChoiceField(
                choices=choices, required=False, initial="csm", label="Owner",
                help_text="By role at the company.", widget=UnfoldAdminSelectWidget,
            )  # fmt: skip
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        for name in ("can_add_related", "can_change_related", "can_view_related",
                     "can_delete_related"):  # fmt: skip
            if field is not None and hasattr(field.widget, name):
                setattr(field.widget, name, False)
        return field

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
    compressed_fields = False  # labels above: three inputs of a task fit side by side
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
        given = PlaybookInput(**values, tasks=lines)
        playbook_id = form.instance.pk if change else None
        row = save_playbook(given, actor=request.user, playbook_id=playbook_id)
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


def _lines(formset: Any) -> list[TaskLine]:
    """The rows that stay, in their order; new ones without a place come last."""
    rows = []
    for number, form in enumerate(formset.forms):
        line = _line(form)
        if line is not None:
            place = form.cleaned_data.get("position")
            rows.append(((10_000 if place is None else place, number), line))
    return [line for _, line in sorted(rows, key=lambda row: row[0])]


def _line(form: Any) -> TaskLine | None:
    """The task of a row; None for one that is empty, goes, or is not complete."""
    data = getattr(form, "cleaned_data", {})
    if data.get("DELETE") or not data.get("title") or not data.get("type"):
        return None
    return TaskLine(
        title=data["title"], type_id=data["type"].pk, description=data.get("description", ""),
        reason=data.get("reason", ""), priority=int(data.get("priority") or 2),
        due_days=data.get("due_days") or 0, owner_role=data.get("owner_role", ""),
        fallback_id=data["fallback"].pk if data.get("fallback") else None,
    )  # fmt: skip


def _runs(playbook_id: int, state: str, count: int) -> str | SafeString:
    url = reverse("admin:journeys_playbookrun_changelist")
    link = f"{url}?playbook__id__exact={playbook_id}&state__exact={state}"
    return format_html('<a class="cs-link" href="{}">{}</a>', link, f"{count:,}") if count else "–"

"""Programs in the admin: the list, the short form, and the pages below a program."""

from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import SimpleListFilter
from django.db.models import Q, QuerySet
from django.forms import ChoiceField, ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.widgets import UnfoldAdminRadioSelectWidget

from csplatform.adminkit.base import ModelAdmin
from csplatform.adminkit.templatetags.console import when
from csplatform.kit.errors import DomainError
from journeys.admin import (
    amend_page,
    bulk_page,
    calendar_page,
    control_page,
    enroll_page,
    flow_page,
    gallery_page,
    history_page,
    life_page,
    lists_page,
    moves_page,
    newcomers_page,
    people_page,
    refused_page,
    snapshot_page,
    versions_page,
)
from journeys.admin.attention import AttentionFilter, attention_chip
from journeys.admin.door import load_program, need
from journeys.admin.list_filters import FolderFilter, ModelFilter
from journeys.flow.models import DEFAULT, program_models
from journeys.models import Program
from journeys.models.program import ProgramState
from journeys.operations.draft import (
    clone_program,
    create_program,
    delete_program,
    update_details,
)
from journeys.operations.schedule import in_words
from journeys.snapshot.attention import troubles_of
from journeys.snapshot.counts import Totals, people_url, program_totals

PAGES = {
    "flow": ("flow/", flow_page.flow_page),
    "flow_edit": ("flow/edit/", flow_page.flow_edit),
    "flow_panel": ("flow/panel/", flow_page.flow_panel),
    "flow_state": ("flow/state/", flow_page.flow_state),
    "flow_counts": ("flow/counts/", flow_page.flow_counts),
    "flow_copy": ("flow/copy/", flow_page.flow_copy),
    "publish": ("life/", life_page.life_dialog),
    "life_do": ("life/do/", life_page.life_do),
    "life_around": ("life/around/", life_page.life_around),
    "life_state": ("life/state/", life_page.life_state),
    "life_history": ("life/history/", history_page.history_page),
    "snapshot": ("snapshot/", snapshot_page.snapshot_page),
    "snapshot_live": ("snapshot/live/", snapshot_page.snapshot_live),
    "participants": ("participants/", people_page.people_page),
    "participants_do": ("participants/do/", people_page.people_do),
    "enroll": ("enrol/", enroll_page.enroll_page),
    "refused": ("refused/", refused_page.refused_page),
    "refused_do": ("refused/do/", refused_page.refused_do),
    "newcomers": ("newcomers/", newcomers_page.newcomers_page),
    "lists": ("files/", lists_page.lists_page),
    "lists_do": ("files/do/", lists_page.lists_do),
    "control": ("control/", control_page.control_page),
    "move": ("move/", moves_page.move_dialog),
    "move_do": ("move/do/", moves_page.move_do),
    "amend": ("amend/", amend_page.amend_dialog),
    "amend_do": ("amend/do/", amend_page.amend_do),
    "versions": ("versions/", versions_page.versions_page),
    "versions_do": ("versions/do/", versions_page.versions_do),
}


RUNS = (ProgramState.ACTIVE, ProgramState.PAUSED)
BADGES: dict[str, str] = {
    ProgramState.ACTIVE: "success", ProgramState.PAUSED: "warning",
    ProgramState.STOPPED: "danger", ProgramState.SCHEDULED: "info",
    ProgramState.COMPLETED: "info",
}  # fmt: skip


class PublishingFilter(SimpleListFilter):
    """Programs with a publishing to come or one that failed, and those without entries."""

    title = "publishing"
    parameter_name = "publishing"
    conditions = {
        "scheduled": Q(publish_at__isnull=False),
        "failed": ~Q(publish_failure=[]),
        "disabled": Q(accepts_entries=False),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The choices."""
        return [
            ("scheduled", "Scheduled"),
            ("failed", "Failed"),
            ("disabled", "No new entries"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Program]) -> QuerySet[Program]:
        """Those chosen."""
        condition = self.conditions.get(self.value() or "")
        return queryset.filter(condition) if condition else queryset


class NewProgramForm(ModelForm):
    """Name, who travels it, and its model."""

    program_model = ChoiceField(
        label="Model",
        choices=lambda: [(m.key, m.label) for m in program_models],
        widget=UnfoldAdminRadioSelectWidget,
        initial=DEFAULT,
        required=False,
        help_text="What it starts with and which steps it takes. It cannot change later.",
    )


@admin.register(Program)
class ProgramAdmin(ModelAdmin):
    """The program list and the settings of a program."""

    list_display = ["name_and_flow", "who", "state_label", "folder_shown", "inside", "entered",
                    "goals", "changed"]  # fmt: skip
    list_display_links = None
    list_filter = [
        ("state", ChoicesDropdownFilter),
        ("type", ChoicesDropdownFilter),
        FolderFilter,
        ModelFilter,
        PublishingFilter,
        AttentionFilter,
    ]
    search_fields = ["name", "description"]
    list_select_related = ["folder"]
    ordering = ["-updated_at"]
    actions = ["disable_selected", "enable_selected", "pause_selected", "resume_selected",
               "clone_selected"]  # fmt: skip
    list_before_template = "admin/journeys/program/list_top.html"
    fields = ["name", "type", "folder", "description"]
    autocomplete_fields = ["folder"]
    change_form_outer_after_template = "admin/journeys/program/_settings_more.html"
    empty_title = "Create your first program in five minutes"
    empty_text = (
        "A program is a flow of mails, waits, decisions and in-app engagements that people or "
        "companies travel. Give it a name, add steps with “+”, publish."
    )

    # --- list -----------------------------------------------------------------------------------

    def complete(self, rows: list[Any]) -> None:
        """Totals and troubles of a page: two queries."""
        totals = program_totals([row.pk for row in rows])
        troubles = troubles_of([row.pk for row in rows])
        for row in rows:
            row.totals = totals.get(row.pk, Totals())
            row.troubles = troubles.get(row.pk, ())

    @admin.display(description="Program", ordering="name")
    def name_and_flow(self, program: Any) -> SafeString:
        """The name leads to what one most likely wants: the flow of a draft, else the snapshot."""
        page = "flow" if program.state == ProgramState.DRAFT else "snapshot"
        url = reverse(f"admin:journeys_program_{page}", args=[program.pk])
        more = program.description.partition("\n")[0]
        if program.publish_at is not None:
            more = f"To be published on {in_words(program.publish_at)}"
        return format_html(
            '<a class="font-semibold text-font-important-light dark:text-font-important-dark"'
            ' href="{}">{}</a>{}<br><span class="text-xs">{}</span>', url, program.name,
            attention_chip(program.troubles), more[:90],
        )  # fmt: skip

    @admin.display(description="For", ordering="type")
    def who(self, program: Program) -> SafeString:
        """People or companies, and the model."""
        return format_html(
            '{}<br><span class="text-xs">{}</span>',
            program.get_type_display(), self.model_shown(program),
        )  # fmt: skip

    @admin.display(description="Model", ordering="model")
    def model_shown(self, program: Program) -> str:
        """The model; an unknown one by its key."""
        known = program.model in program_models
        return program_models.get(program.model).label if known else program.model

    @admin.display(description="State", ordering="state")
    def state_label(self, program: Program) -> SafeString:
        """The state as a badge, and what else one has to know about it."""
        shown = [(program.get_state_display(), BADGES.get(program.state, ""))]
        if program.publish_failure:
            shown.append(("Publishing failed", "danger"))
        if not program.accepts_entries and program.state in RUNS:
            shown.append(("No new entries", "warning"))
        badges = (
            (render_to_string("unfold/helpers/label.html", {"text": text, "type": tone}),)
            for text, tone in shown
        )
        return format_html_join(" ", "{}", badges)

    @admin.display(description="Changed", ordering="updated_at")
    def changed(self, program: Program) -> str:
        """How long ago."""
        return when(program.updated_at)

    @admin.display(description="Folder", ordering="folder__name")
    def folder_shown(self, program: Program) -> str:
        """The folder."""
        return program.folder_name

    @admin.display(description="In progress")
    def inside(self, program: Any) -> str | SafeString:
        """How many are inside, leading to them."""
        return _figure(program.totals.inside, people_url(program, state="running"))

    @admin.display(description="Entered")
    def entered(self, program: Any) -> str | SafeString:
        """How many ever entered, leading to them."""
        return _figure(program.totals.entered, people_url(program))

    @admin.display(description="Goal reached")
    def goals(self, program: Any) -> str | SafeString:
        """How many reached the goal, leading to them."""
        totals = program.totals
        if not totals.goals:
            return "–"
        share = round(100 * totals.goals / totals.entered)
        return _figure(totals.goals, people_url(program, goal="1"), f" ({share} %)")

    @admin.action(description="Clone the selected programs", permissions=["add"])
    def clone_selected(self, request: HttpRequest, queryset: QuerySet[Program]) -> None:
        """A draft copy of each."""
        for program in queryset[:50]:
            clone_program(program.pk, actor=request.user)
        messages.success(request, "Cloned. The copies are drafts at the top of the list.")

    @admin.action(description="No new entries…", permissions=["publish"])
    def disable_selected(self, request: HttpRequest, queryset: QuerySet[Program]) -> HttpResponse:
        """Asks first."""
        return bulk_page.ask("disable", self, request, queryset)

    @admin.action(description="Take entries again…", permissions=["publish"])
    def enable_selected(self, request: HttpRequest, queryset: QuerySet[Program]) -> HttpResponse:
        """Asks first."""
        return bulk_page.ask("enable", self, request, queryset)

    @admin.action(description="Pause…", permissions=["publish"])
    def pause_selected(self, request: HttpRequest, queryset: QuerySet[Program]) -> HttpResponse:
        """Asks first."""
        return bulk_page.ask("pause", self, request, queryset)

    @admin.action(description="Resume…", permissions=["publish"])
    def resume_selected(self, request: HttpRequest, queryset: QuerySet[Program]) -> HttpResponse:
        """Asks first."""
        return bulk_page.ask("resume", self, request, queryset)

    def has_publish_permission(self, request: HttpRequest) -> bool:
        """Who may change the life of programs."""
        return bool(request.user.has_perm(bulk_page.PERMISSION))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Programs are deleted one by one, on their own page."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    # --- the short form -------------------------------------------------------------------------

    def get_readonly_fields(self, request: HttpRequest, obj: Program | None = None) -> list[str]:
        """Who travels a program is settled when it is created: its rules depend on it."""
        return ["type", "model_shown"] if obj else []

    def get_form(
        self, request: HttpRequest, obj: Program | None = None, change: bool = False, **kwargs: Any
    ) -> type[ModelForm]:
        """A new program has a model to choose."""
        if obj is None:
            kwargs["form"] = NewProgramForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Program | None = None) -> list[str]:
        """The model is chosen at the beginning only."""
        word = "model_shown" if obj else "program_model"
        return ["name", "type", word, "folder", "description"]

    def save_model(self, request: HttpRequest, obj: Program, form: ModelForm, change: bool) -> None:
        """Through the operations."""
        if change:
            saved = update_details(
                obj.pk, actor=request.user, name=obj.name, description=obj.description,
                folder=obj.folder,
            )  # fmt: skip
        else:
            model = form.cleaned_data.get("program_model") or DEFAULT
            saved = create_program(
                name=obj.name, type=obj.type, model=model,
                folder=obj.folder, description=obj.description, actor=request.user,
            )  # fmt: skip
        obj.__dict__.update(saved.__dict__)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """A new program begins in the gallery; ?model=… is the short form."""
        if request.method == "GET" and "model" not in request.GET:
            need(request, "journeys.add_program")
            return HttpResponseRedirect(reverse("admin:journeys_program_gallery"))
        return super().add_view(request, form_url, extra_context)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """The model of the card that was chosen."""
        chosen = request.GET.get("model")
        return {"program_model": chosen} if chosen in program_models else {}

    def response_add(
        self, request: HttpRequest, obj: Program, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Straight to the editor."""
        return HttpResponseRedirect(reverse("admin:journeys_program_flow", args=[obj.pk]))

    def delete_model(self, request: HttpRequest, obj: Program) -> None:
        """Through the operation."""
        delete_program(obj.pk, actor=request.user)

    def has_delete_permission(self, request: HttpRequest, obj: Program | None = None) -> bool:
        """Only drafts that were never published."""
        allowed = super().has_delete_permission(request, obj)
        if obj is None:
            return allowed
        return allowed and obj.state == ProgramState.DRAFT and obj.published_id is None

    # --- pages below a program ------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        """Pages below a program, before the admin's own."""
        pages = [
            path(
                f"<path:object_id>/{address}",
                self.admin_site.admin_view(partial(view, model_admin=self)),
                name=f"journeys_program_{name}",
            )
            for name, (address, view) in PAGES.items()
        ]
        clone = path(
            "<path:object_id>/clone/",
            self.admin_site.admin_view(require_POST(self.clone_view)),
            name="journeys_program_clone",
        )
        over_all = [
            path(
                address,
                self.admin_site.admin_view(partial(view, model_admin=self)),
                name=f"journeys_program_{name}",
            )
            for name, address, view in (
                ("enroll_chosen", "enrol-chosen/", enroll_page.enroll_chosen),
                ("calendar", "calendar/", calendar_page.calendar_page),
                ("bulk_do", "bulk/", bulk_page.bulk_do),
                ("gallery", "gallery/", gallery_page.gallery_page),
                ("template", "gallery/<slug:key>/", gallery_page.template_page),
            )
        ]
        return [*over_all, *pages, clone, *super().get_urls()]

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """There is one history of a program: that of its life."""
        url = reverse("admin:journeys_program_life_history", args=[load_program(object_id).pk])
        return HttpResponseRedirect(url)

    def clone_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A draft copy, opened in the editor."""
        need(request, "journeys.add_program")
        try:
            copy = clone_program(load_program(object_id).pk, actor=request.user)
        except DomainError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(reverse("admin:journeys_program_changelist"))
        return HttpResponseRedirect(reverse("admin:journeys_program_flow", args=[copy.pk]))


def _figure(number: int, url: str, more: str = "") -> str | SafeString:
    if not number:
        return "–"
    text = f"{number:,}{more}"
    return format_html(
        '<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', url, text
    )

"""Segments in the admin: the list, the form with the rule builder, and the pages below."""

from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from csplatform.adminkit.base import ModelAdmin, tell_problems
from csplatform.adminkit.templatetags.console import when
from csplatform.kit.errors import DomainError
from csplatform.rules.parse import load_rule
from csplatform.rules.words import in_words
from csplatform.segments.admin.forms import SegmentForm
from csplatform.segments.admin.pages import changes_page, load, members_page
from csplatform.segments.admin.why_page import why_page
from csplatform.segments.models import Kind, Segment, State
from csplatform.segments.operations.definition import (
    SegmentInput,
    clone_segment,
    delete_segment,
    request_recompute,
    save_segment,
)
from csplatform.segments.progress import progress
from csplatform.segments.usage import used_by

STATE_COLOURS = {
    State.READY.label: "success",
    State.PENDING.label: "info",
    State.COMPUTING.label: "info",
    State.FAILED.label: "danger",
}


@admin.register(Segment)
class SegmentAdmin(ModelAdmin):
    """Groups of people and companies that programs and engagements are for."""

    form = SegmentForm
    icon = "group_work"
    list_display = (
        "name",
        "shown_subject",
        "shown_kind",
        "shown_members",
        "shown_state",
        "computed",
    )
    list_filter = (
        ("subject", ChoicesDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        ("state", ChoicesDropdownFilter),
    )
    search_fields = ("name", "description")
    actions = ("clone_selected", "recompute_selected")
    # Outside the form: it has forms of its own, and a form inside a form ends the outer one.
    change_form_outer_before_template = "segments/_summary.html"
    empty_title = "No segments yet"
    empty_text = (
        "A segment is a group of people or companies: by a rule that keeps itself up to date, or a"
        " list that you keep by hand. Programs and engagements are for segments."
    )

    class Media:
        css = {"all": ["segments/segments.css"]}

    # --- list -----------------------------------------------------------------------------------

    @display(description="Of", ordering="subject")
    def shown_subject(self, row: Segment) -> str:
        """People or companies."""
        return row.get_subject_display()

    @display(description="Kind", ordering="kind")
    def shown_kind(self, row: Segment) -> str:
        """Short."""
        return "Dynamic" if row.is_dynamic else "Static"

    @display(description="Members", ordering="member_count")
    def shown_members(self, row: Segment) -> SafeString:
        """How many, leading to them."""
        url = reverse("admin:segments_segment_members", args=[row.pk])
        return format_html(
            '<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>',
            url,
            f"{row.member_count:,}",
        )

    @display(description="State", ordering="state", label=STATE_COLOURS)
    def shown_state(self, row: Segment) -> str:
        """As a badge."""
        return row.get_state_display()

    @display(description="Last computed", ordering="computed_at")
    def computed(self, row: Segment) -> str:
        """How long ago."""
        return when(row.computed_at) if row.is_dynamic else "–"

    @admin.action(description="Clone the selected segments", permissions=["add"])
    def clone_selected(self, request: HttpRequest, queryset: QuerySet[Segment]) -> None:
        """A copy of each."""
        for segment in queryset[:50]:
            clone_segment(segment.pk, actor=request.user)
        messages.success(request, "Cloned. The copies carry “(copy)” in their names.")

    @admin.action(description="Compute the selected segments again", permissions=["change"])
    def recompute_selected(self, request: HttpRequest, queryset: QuerySet[Segment]) -> None:
        """Ask for a recompute of each dynamic one."""
        for segment in queryset.filter(kind=Kind.DYNAMIC):
            request_recompute(segment.pk, actor=request.user)
        messages.success(request, "They are being computed.")

    # --- form -----------------------------------------------------------------------------------

    def get_readonly_fields(self, request: HttpRequest, obj: Segment | None = None) -> list[str]:
        """Whom it holds and how is settled at creation: others rely on it."""
        return ["subject", "kind"] if obj else []

    def get_fields(self, request: HttpRequest, obj: Segment | None = None) -> list[str]:
        """A static list has no rule; who may only read has the sentence above the form."""
        fields = ["name", "description", "subject", "kind"]
        has_rule = obj is None or (obj.is_dynamic and self.has_change_permission(request, obj))
        return [*fields, "rule"] if has_rule else fields

    def save_model(self, request: HttpRequest, obj: Segment, form: ModelForm, change: bool) -> None:
        """Through the operation."""
        rule = form.cleaned_data.get("rule", obj.rule) if obj.is_dynamic else None
        given = SegmentInput(obj.name, obj.description, obj.subject, obj.kind, rule)
        saved = save_segment(given, actor=request.user, segment_id=obj.pk if change else None)
        obj.__dict__.update(saved.__dict__)

    def response_add(
        self, request: HttpRequest, obj: Segment, post_url_continue: str | None = None
    ) -> HttpResponse:
        """A static list is filled next."""
        if obj.is_dynamic or "_addanother" in request.POST or "_popup" in request.POST:
            return super().response_add(request, obj, post_url_continue)
        messages.success(request, f"“{obj}” is there. Now put somebody on it.")
        return HttpResponseRedirect(reverse("admin:segments_segment_members", args=[obj.pk]))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """With the state and who uses it above the form."""
        found = self.get_object(request, object_id)
        more = dict(extra_context or {})
        if isinstance(found, Segment):
            more |= {
                "segment": found,
                "can_change_segment": self.has_change_permission(request, found),
                "uses": used_by(found),
                "progress": progress(found),
                # the builder says it too
                "words": "" if self.has_change_permission(request, found) else _words(found),
            }
        return super().change_view(request, object_id, form_url, more)

    # --- deleting -------------------------------------------------------------------------------

    def delete_model(self, request: HttpRequest, obj: Segment) -> None:
        """Through the operation, which refuses a used one."""
        delete_segment(obj.pk, actor=request.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Segment]) -> None:
        """Each through the operation."""
        for segment in queryset:
            delete_segment(segment.pk, actor=request.user)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Never count a million members for the question “are you sure?”."""
        names = [str(segment) for segment in objs]
        allowed = self.has_delete_permission(request)
        return names, {"segments": len(names)}, set() if allowed else {"segment"}, []

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A used segment stays, with the reason."""
        try:
            return super().delete_view(request, object_id, extra_context)
        except DomainError as error:
            tell_problems(request, error)
            return HttpResponseRedirect(reverse("admin:segments_segment_change", args=[object_id]))

    # --- pages below ----------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        """Members, changes, clone and recompute, before the admin's own."""
        views = {
            "members": partial(members_page, self),
            "changes": partial(changes_page, self),
            "why": partial(why_page, self),
            "clone": require_POST(self.clone_view),
            "recompute": require_POST(self.recompute_view),
        }
        pages = [
            path(
                f"<path:object_id>/{name}/",
                self.admin_site.admin_view(view),
                name=f"segments_segment_{name}",
            )
            for name, view in views.items()
        ]
        return [*pages, *super().get_urls()]

    def clone_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A copy, opened for editing."""
        try:
            copy = clone_segment(load(request, object_id).pk, actor=request.user)
        except DomainError as error:
            tell_problems(request, error)
            return HttpResponseRedirect(reverse("admin:segments_segment_changelist"))
        messages.success(request, f"This is the copy, “{copy}”. Give it a name of its own.")
        return HttpResponseRedirect(reverse("admin:segments_segment_change", args=[copy.pk]))

    def recompute_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for a recompute."""
        segment = load(request, object_id)
        try:
            request_recompute(segment.pk, actor=request.user)
            messages.success(request, "It is being computed.")
        except DomainError as error:
            tell_problems(request, error)
        return HttpResponseRedirect(reverse("admin:segments_segment_change", args=[segment.pk]))


def _words(segment: Segment) -> str:
    """The rule as a sentence; "" for lists and for rules that cannot be read."""
    if not segment.is_dynamic:
        return ""
    try:
        return in_words(load_rule(segment.rule, segment.subject), segment.subject)
    except DomainError:
        return ""

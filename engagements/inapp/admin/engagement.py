"""Engagements in the admin: the list with its figures, the builder, launch, pause, end."""

import json
from typing import Any

from django.contrib import admin, messages
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action, display

from csplatform.adminkit.base import ModelAdmin
from engagements.inapp.admin.forms import EngagementForm, NewEngagementForm
from engagements.inapp.kind import engagement_kinds
from engagements.inapp.models import Engagement, EngagementState
from engagements.inapp.operations.drafts import (
    SETTINGS,
    create_engagement,
    delete_engagement,
    save_draft,
)
from engagements.inapp.operations.life import (
    end_engagement,
    launch_engagement,
    launch_problems,
    pause_engagement,
)
from engagements.inapp.preview import preview
from engagements.inapp.statistics import Counts, counts_of

# Buttons below the builder, by state.
BUTTONS = {
    EngagementState.DRAFT: ("launch",),
    EngagementState.LAUNCHED: ("relaunch", "pause", "end"),
    EngagementState.PAUSED: ("resume", "end"),
    EngagementState.ENDED: ("resume",),
}
MAX_PREVIEW_BYTES = 512 * 1024


@admin.register(Engagement)
class EngagementAdmin(ModelAdmin):
    """What people meet inside the product."""

    guards_changes = False  # the draft's revision does
    icon = "web_asset"
    list_display = ("name", "kind_label", "state_label", "trigger", "invited", "viewed",
                    "completed", "dismissed", "failed")  # fmt: skip
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("triggered_by", ChoicesDropdownFilter),
        "kind",
    )
    search_fields = ("name",)
    ordering = ("-updated_at",)
    actions_submit_line = ("launch", "relaunch", "resume", "pause", "end")
    empty_title = "Build your first engagement"
    empty_text = (
        "An engagement is a dialog inside your product. Launch it, then choose it in a program: "
        "people see it the next time they are there."
    )

    # --- list -----------------------------------------------------------------------------------

    def complete(self, rows: list[Any]) -> None:
        """Figures of a page: one query."""
        counts = counts_of(row.pk for row in rows)
        for row in rows:
            row.counts = counts.get(row.pk, Counts())

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Engagements are deleted one by one, on their own page."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    @display(description="Kind", ordering="kind")
    def kind_label(self, row: Engagement) -> str:
        """The kind; an unknown one by its key."""
        return engagement_kinds.get(row.kind).label if row.kind in engagement_kinds else row.kind

    @display(
        description="State", ordering="state",
        label={"Launched": "success", "Paused": "warning", "Ended": "danger"},
    )  # fmt: skip
    def state_label(self, row: Engagement) -> str:
        """The state as a badge."""
        return row.get_state_display()

    @display(description="Triggered by", ordering="triggered_by")
    def trigger(self, row: Engagement) -> str:
        """Program or audience."""
        return row.get_triggered_by_display()

    @display(description="Invited")
    def invited(self, row: Any) -> str | SafeString:
        """Participants, leading to them."""
        return _people(row, row.counts.invited, "")

    @display(description="Viewed")
    def viewed(self, row: Any) -> str | SafeString:
        """Those who saw it."""
        return _people(row, row.counts.viewed, "viewed", of=row.counts.invited)

    @display(description="Completed")
    def completed(self, row: Any) -> str | SafeString:
        """Those who answered it."""
        return _people(row, row.counts.completed, "completed", of=row.counts.viewed)

    @display(description="Dismissed")
    def dismissed(self, row: Any) -> str | SafeString:
        """Those who closed it."""
        return _people(row, row.counts.dismissed, "dismissed", of=row.counts.viewed)

    @display(description="Failed")
    def failed(self, row: Any) -> str | SafeString:
        """Those who could not be invited."""
        return _people(row, row.counts.failed, "failed", of=row.counts.invited)

    # --- the builder ------------------------------------------------------------------------------

    def get_form(
        self, request: HttpRequest, obj: Any | None = None, change: bool = False, **kwargs: Any
    ) -> type[ModelForm]:
        """A short form first, then the builder."""
        kwargs["form"] = EngagementForm if obj else NewEngagementForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Engagement | None = None) -> Any:
        """What it says first; who and when below."""
        if obj is None:
            return [(None, {"fields": ["name", "begin_with", "triggered_by"]})]
        if not self.has_change_permission(request, obj):
            return [(None, {"fields": ["name", "state_box", "starts_at", "ends_at", "programs"]})]
        return [
            (None, {"fields": ["name", "state_box", "draft", "revision"]}),
            ("Audience", {"fields": ["triggered_by", "programs"]}),
            ("Schedule and priority (times are UTC)", {
                "fields": ["starts_at", "ends_at", "priority"],
            }),
        ]  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: Engagement | None = None) -> Any:
        """What others decide."""
        return ("state_box", "programs") if obj else ()

    @display(description="State")
    def state_box(self, row: Engagement) -> SafeString:
        """Where it stands, its figures, and what stands against launching the draft."""
        context = {
            "engagement": row,
            "counts": counts_of([row.pk]).get(row.pk, Counts()),
            "people": _people_url(row, ""),
            "edited": row.release > 0 and row.content != row.draft,
            "problems": launch_problems(row),
            "changes": row.state_changes.select_related("by")[:5],
        }
        return SafeString(render_to_string("admin/engagements/engagement/_state.html", context))

    @display(description="Programs using this")
    def programs(self, row: Engagement) -> SafeString:
        """The read-only rule that published programs add to the audience."""
        links = row.program_links.select_related("program", "version")[:30]
        context = {"links": links}
        return SafeString(render_to_string("admin/engagements/engagement/_programs.html", context))

    def save_model(
        self, request: HttpRequest, obj: Engagement, form: ModelForm, change: bool
    ) -> None:
        """Through the operations; then the button that was pressed."""
        given = form.cleaned_data
        if not change:
            kind, _, starter = given["begin_with"].partition(":")
            saved = create_engagement(
                given["name"], kind=kind, starter=starter, actor=request.user,
                triggered_by=given["triggered_by"],
            )  # fmt: skip
        else:
            saved = save_draft(
                obj.pk, content=given["draft"], revision=given["revision"], actor=request.user,
                settings={name: given[name] for name in SETTINGS if name in given},
            )  # fmt: skip
        obj.__dict__.update(saved.__dict__)
        for button in self.get_actions_submit_line(request, obj.pk) if change else ():
            if button.action_name in request.POST:
                button.method(request, obj)

    def response_add(
        self, request: HttpRequest, obj: Engagement, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Straight to the builder."""
        url = reverse("admin:engagements_engagement_change", args=[obj.pk])
        return HttpResponseRedirect(url)

    def response_change(self, request: HttpRequest, obj: Engagement) -> HttpResponse:
        """Stay in the builder after a button of ours, as after "save and continue"."""
        if any(name.startswith("engagements_engagement_") for name in request.POST):
            return HttpResponseRedirect(request.path)
        return super().response_change(request, obj)

    # --- life -------------------------------------------------------------------------------------

    def get_actions_submit_line(self, request: HttpRequest, object_id: Any) -> list[UnfoldAction]:
        """The buttons that fit the state."""
        found = Engagement.objects.filter(pk=object_id).first() if _is_id(object_id) else None
        wanted = BUTTONS.get(EngagementState(found.state), ()) if found else ()
        every = super().get_actions_submit_line(request, object_id)
        by_name = {
            button.action_name.removeprefix("engagements_engagement_"): button for button in every
        }
        return [by_name[name] for name in wanted if name in by_name]

    def has_launch_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Who may launch may also pause and end."""
        return request.user.has_perm("engagements.launch_engagement")

    @action(description="Save and launch", permissions=["launch"], icon="rocket_launch")
    def launch(self, request: HttpRequest, obj: Engagement) -> None:
        """Make it visible."""
        launch_engagement(obj.pk, actor=request.user)
        messages.success(request, "Launched. It can be chosen in programs now.")

    @action(description="Save and relaunch", permissions=["launch"], icon="rocket_launch")
    def relaunch(self, request: HttpRequest, obj: Engagement) -> None:
        """Make the edited draft what people see."""
        launch_engagement(obj.pk, actor=request.user)
        messages.success(request, "Relaunched: people see this version from now on.")

    @action(description="Save and launch again", permissions=["launch"], icon="play_arrow")
    def resume(self, request: HttpRequest, obj: Engagement) -> None:
        """End a pause."""
        launch_engagement(obj.pk, actor=request.user)
        messages.success(request, "Launched again.")

    @action(description="Pause", permissions=["launch"], icon="pause")
    def pause(self, request: HttpRequest, obj: Engagement) -> None:
        """Hide it for now."""
        pause_engagement(obj.pk, actor=request.user)
        messages.success(request, "Paused: nobody sees it, and programs that use it say so.")

    @action(description="End", permissions=["launch"], icon="stop")
    def end(self, request: HttpRequest, obj: Engagement) -> None:
        """Hide it for good."""
        end_engagement(obj.pk, actor=request.user)
        messages.success(request, "Ended.")

    def delete_model(self, request: HttpRequest, obj: Engagement) -> None:
        """Through the operation."""
        delete_engagement(obj.pk, actor=request.user)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Without "save and add another": the builder is for one."""
        more = {"show_save_and_add_another": False} | (extra_context or {})
        return super().changeform_view(request, object_id, form_url, more)

    def has_delete_permission(self, request: HttpRequest, obj: Engagement | None = None) -> bool:
        """Only drafts that were never launched or used."""
        allowed = super().has_delete_permission(request, obj)
        if obj is None or not allowed:
            return allowed
        return obj.release == 0 and not obj.program_links.exists()

    # --- preview ----------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        """The preview's endpoint before the admin's own pages."""
        view = self.admin_site.admin_view(require_POST(self.preview_view))
        return [path("preview/", view, name="engagements_engagement_preview"), *super().get_urls()]

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """POST {kind, content}: the draft as the browser would get it, with its problems."""
        if not self.has_view_permission(request):
            return JsonResponse({"error": "Your role does not allow this."}, status=403)
        try:
            if len(request.body) > MAX_PREVIEW_BYTES:
                raise ValueError
            data = json.loads(request.body)
            kind, content = data["kind"], data["content"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return JsonResponse({"error": "Expected kind and content as JSON."}, status=400)
        return JsonResponse(preview(kind, content))


def _is_id(value: Any) -> bool:
    return str(value).isdigit() and len(str(value)) <= 18


def _people_url(row: Engagement, progress: str) -> str:
    url = f"{reverse('admin:engagements_invitation_changelist')}?engagement={row.pk}"
    return f"{url}&progress={progress}" if progress else url


def _people(row: Engagement, number: int, progress: str, *, of: int = 0) -> str | SafeString:
    """A number that leads to the people behind it."""
    if not number:
        return "–"
    share = f" ({round(100 * number / of)} %)" if of else ""
    return format_html(
        '<a class="cs-link" href="{}">{}</a>', _people_url(row, progress), f"{number:,}{share}"
    )

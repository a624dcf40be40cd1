"""Participants over all programs, and the page of one: its feed."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.decorators import display

from csplatform.adminkit.base import ReadOnlyAdmin
from csplatform.kit.errors import DomainError
from journeys.admin.door import need
from journeys.models import Participant
from journeys.operations.enroll import remove_participants, retry_participants
from journeys.snapshot.feed import feed_of, zone_of
from journeys.snapshot.participants import matching
from journeys.snapshot.parts import parts_of_run
from journeys.templatetags.program_tags import end_words


@admin.register(Participant)
class ParticipantAdmin(ReadOnlyAdmin):
    """Who travels which program, and why everything happened."""

    list_display = ["who", "program_link", "state_label", "at_step", "entered_at", "ended_because"]
    list_filter = [
        ("state", ChoicesDropdownFilter),
        ("program", AutocompleteSelectFilter),
    ]
    search_fields = ["person__name"]  # shows the search box; get_search_results searches
    search_help_text = "Name, mail address or company begins with…"
    list_select_related = ["person", "company", "program", "step"]
    ordering = ["-id"]
    actions = ["remove_selected", "retry_selected"]
    empty_title = "Nobody travels a program yet"
    empty_text = "Publish a program, or enrol people by hand on its page."

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Participant], search_term: str
    ) -> tuple[QuerySet[Participant], bool]:
        """By the beginning of names and addresses, which indexes find among a million."""
        text = search_term.replace("\x00", "").strip()
        return (matching(queryset, text) if text else queryset), False

    @admin.display(description="Participant")
    def who(self, participant: Participant) -> SafeString:
        """The person or company, leading to the feed."""
        url = reverse("admin:journeys_participant_change", args=[participant.pk])
        return format_html(
            '<a class="font-semibold" href="{}">{}</a>', url, participant.subject_label
        )

    @admin.display(description="Program", ordering="program")
    def program_link(self, participant: Participant) -> SafeString:
        """The program's snapshot."""
        url = reverse("admin:journeys_program_snapshot", args=[participant.program_id])
        return format_html('<a href="{}">{}</a>', url, participant.program)

    @display(
        description="State", ordering="state",
        label={"Active": "success", "Paused": "warning", "Failed": "danger", "Completed": "info"},
    )  # fmt: skip
    def state_label(self, participant: Participant) -> str:
        """The state as a badge."""
        return participant.get_state_display()

    @admin.display(description="Step")
    def at_step(self, participant: Participant) -> str:
        """Where it stands."""
        return participant.step.name if participant.step and not participant.ended_at else "–"

    @admin.display(description="Ended because")
    def ended_because(self, participant: Participant) -> str:
        """Why the run ended, in words."""
        return capfirst(end_words(participant.end_reason)) or "–"

    @admin.action(description="Take out of the program", permissions=["enroll"])
    def remove_selected(self, request: HttpRequest, queryset: QuerySet[Participant]) -> None:
        """Remove the ticked ones."""
        ids = list(queryset.values_list("pk", flat=True)[:5000])
        removed = remove_participants(ids, actor=request.user)
        messages.success(request, f"{removed} were taken out.")

    @admin.action(description="Try the failed step again", permissions=["enroll"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[Participant]) -> None:
        """Retry the ticked ones that failed."""
        ids = list(queryset.values_list("pk", flat=True)[:5000])
        revived = retry_participants(ids, actor=request.user)
        messages.success(request, f"{revived} try their step again.")

    def has_enroll_permission(self, request: HttpRequest) -> bool:
        """Who may enrol may also remove and retry."""
        return request.user.has_perm("journeys.enroll_participant")

    def get_urls(self) -> list[URLPattern]:
        """The actions of one participant's page."""
        act = path(
            "<int:participant_id>/do/",
            self.admin_site.admin_view(require_POST(self.act)),
            name="journeys_participant_do",
        )
        return [act, *super().get_urls()]

    def act(self, request: HttpRequest, participant_id: int) -> HttpResponse:
        """Remove or retry one: do=remove|retry."""
        need(request, "journeys.enroll_participant")
        participant = get_object_or_404(Participant, pk=participant_id)
        try:
            if request.POST.get("do") == "retry":
                done = retry_participants([participant.pk], actor=request.user)
                text = "Tries its step again."
            else:
                reason = request.POST.get("reason", "").replace("\x00", "").strip()[:200]
                done = remove_participants(
                    [participant.pk], actor=request.user, reason=reason or "Removed by hand"
                )
                text = "Taken out of the program."
            if done:
                messages.success(request, text)
            else:
                messages.warning(request, "Nothing to do: its state has changed meanwhile.")
        except DomainError as error:
            messages.error(request, str(error))
        url = reverse("admin:journeys_participant_change", args=[participant.pk])
        return HttpResponseRedirect(url)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The feed instead of a form."""
        need(request, "journeys.view_participant")
        rows = Participant.objects.select_related(
            "person", "company", "at_company", "program", "step", "version"
        )
        if not object_id.isdigit() or len(object_id) > 18:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        participant = get_object_or_404(rows, pk=object_id)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": participant,
            "participant": participant,
            "title": participant.subject_label,
            "feed": feed_of(participant),
            "parts": parts_of_run(participant.pk) if participant.company_id else [],
            "zone": str(zone_of(participant)),
            "can_enroll": self.has_enroll_permission(request),
        }
        return TemplateResponse(request, "admin/journeys/participant/feed.html", context)

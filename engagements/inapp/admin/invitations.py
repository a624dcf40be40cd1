"""The people behind an engagement's numbers, and each showing."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter, DropdownFilter
from unfold.decorators import display

from csplatform.adminkit.base import ReadOnlyAdmin
from engagements.inapp.models import Invitation, Showing
from journeys.models import Program


class ProgressFilter(DropdownFilter):
    """How far people got: who completed or dismissed it has viewed it, too."""

    title = "progress"
    parameter_name = "progress"
    WORDS = {
        "not_viewed": ("Not viewed", Q(viewed_at=None, state="open")),
        "viewed": ("Viewed", Q(viewed_at__isnull=False)),
        "completed": ("Completed", Q(completed_at__isnull=False)),
        "dismissed": ("Dismissed", Q(state="dismissed")),
        "failed": ("Failed", Q(state="failed")),
        "withdrawn": ("Withdrawn", Q(state="withdrawn")),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """The words."""
        return [(key, label) for key, (label, _) in self.WORDS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those who got so far."""
        found = self.WORDS.get(self.value() or "")
        return queryset.filter(found[1]) if found else queryset


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    """Who was let to meet an engagement."""

    icon = "mark_email_read"
    list_display = ("who", "engagement_link", "state_label", "program_link", "created_at",
                    "viewed_at", "completed_at", "reason")  # fmt: skip
    list_filter = (("engagement", AutocompleteSelectFilter), ProgressFilter)
    search_fields = ("person__email__istartswith", "person__name__istartswith")
    list_select_related = ("person", "engagement")
    ordering = ("-id",)
    fields = (
        "who", "engagement_link", "state_label", "reason", "program_link", "run", "created_at",
        "viewed_at", "completed_at", "dismissed_at", "closed_at", "showings",
    )  # fmt: skip
    readonly_fields = ("who", "engagement_link", "state_label", "program_link", "run", "showings")
    empty_title = "Nobody was invited yet"
    empty_text = "Publish a program with the step “Trigger engagement”."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invitation]:
        """With the programs' names, in one query for all."""
        self.program_names = dict(Program.objects.values_list("pk", "name"))
        return super().get_queryset(request)

    @display(description="Person")
    def who(self, row: Invitation) -> SafeString:
        """Leads to the snapshot."""
        url = reverse("person-snapshot", args=[row.person_id])
        return format_html('<a class="cs-link" href="{}">{}</a>', url, row.person)

    @display(description="Engagement", ordering="engagement")
    def engagement_link(self, row: Invitation) -> SafeString:
        """Leads to the builder."""
        url = reverse("admin:engagements_engagement_change", args=[row.engagement_id])
        return format_html('<a class="cs-link" href="{}">{}</a>', url, row.engagement)

    @display(
        description="State", ordering="state",
        label={"Completed": "success", "Viewed": "info", "Dismissed": "warning",
               "Failed": "danger"},
    )  # fmt: skip
    def state_label(self, row: Invitation) -> str:
        """The state as a badge."""
        return row.get_state_display()

    @display(description="Program")
    def program_link(self, row: Invitation) -> str | SafeString:
        """Leads to the snapshot of the program."""
        name = self.program_names.get(row.program_id)
        if name is None:
            return "–"
        url = reverse("admin:journeys_program_snapshot", args=[row.program_id])
        return format_html('<a class="cs-link" href="{}">{}</a>', url, name)

    @display(description="Run")
    def run(self, row: Invitation) -> SafeString:
        """The participant's feed, with every reason."""
        url = reverse("admin:journeys_participant_change", args=[row.participant_id])
        return format_html('<a class="cs-link" href="{}">Everything that happened</a>', url)

    @display(description="Showings")
    def showings(self, row: Invitation) -> SafeString:
        """Each time that a browser showed it."""
        url = reverse("admin:engagements_showing_changelist")
        count = Showing.objects.filter(invitation_id=row.pk).count()
        return format_html(
            '<a class="cs-link" href="{}?invitation_id={}">{}</a>', url, row.pk, count
        )


@admin.register(Showing)
class ShowingAdmin(ReadOnlyAdmin):
    """Every attempt of a browser to show an engagement."""

    icon = "visibility"
    list_display = ("engagement", "person", "shown_at", "completed_at", "dismissed_at", "button",
                    "not_rendered", "url")  # fmt: skip
    list_filter = (("engagement", AutocompleteSelectFilter),)
    search_fields = ("person__email__istartswith", "person__name__istartswith")
    list_select_related = ("engagement", "person")
    ordering = ("-id",)
    empty_title = "Nothing was shown yet"
    empty_text = "A row appears here when a browser shows an engagement, or fails to."

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """The link from an invitation."""
        return lookup == "invitation_id" or super().lookup_allowed(lookup, value, request)

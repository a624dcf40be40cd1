"""What ingest refused, and the browsers that it knows."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from csplatform.adminkit.base import ReadOnlyAdmin
from csplatform.customers.models import Source
from engagements.tracker.models import RejectedEvent, Visitor


class _OfSource(ReadOnlyAdmin):
    """Rows that name their source by its id alone."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With the sources' names, in one query for all."""
        self.source_names = dict(Source.objects.values_list("pk", "name"))
        return super().get_queryset(request)

    @display(description="Source", ordering="source_id")
    def source(self, row: Any) -> str:
        """Its name."""
        return self.source_names.get(row.source_id, "–")


@admin.register(RejectedEvent)
class RejectedEventAdmin(_OfSource):
    """Items that were refused, and why (TRK-07)."""

    icon = "block"
    list_display = ("at", "source", "type", "reason", "path", "message_id")
    list_filter = ("code", "type")
    search_fields = ("message_id__exact", "reason__icontains")
    ordering = ("-id",)
    fields = ("at", "source", "type", "message_id", "code", "reason", "path", "shown_excerpt")
    readonly_fields = ("source", "shown_excerpt")
    empty_title = "Nothing was refused"
    empty_text = (
        "What the tracker's ingest refuses in the last 30 days stands here with its reason."
    )

    @display(description="What was sent")
    def shown_excerpt(self, row: RejectedEvent) -> str | SafeString:
        """The item's beginning."""
        if not row.excerpt:
            return "–"
        return format_html('<pre class="cs-code">{}</pre>', row.excerpt)


@admin.register(Visitor)
class VisitorAdmin(_OfSource):
    """Browsers on the sites, known or anonymous."""

    icon = "devices"
    list_display = ("anonymous_id", "source", "who", "first_seen_at", "last_seen_at", "consent")
    list_filter = (("person_id", admin.EmptyFieldListFilter),)
    search_fields = ("anonymous_id__exact",)
    ordering = ("-id",)
    fields = ("anonymous_id", "source", "who", "consent", "first_seen_at", "last_seen_at",
              "identified_at")  # fmt: skip
    readonly_fields = ("source", "who")
    empty_title = "No browser has called yet"
    empty_text = "Put the lines of a source on your product's pages (Settings, Sources)."

    @display(description="Person")
    def who(self, row: Visitor) -> str | SafeString:
        """Leads to the snapshot; anonymous until identified."""
        if row.person_id is None:
            return "Anonymous"
        url = reverse("person-snapshot", args=[row.person_id])
        return format_html('<a class="cs-link" href="{}">Person {}</a>', url, row.person_id)

"""Sources, event names and the events themselves in the admin."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import DropdownFilter, TextFilter
from unfold.decorators import display

from csplatform.adminkit.base import ModelAdmin, ReadOnlyAdmin
from csplatform.adminkit.templatetags.console import when
from csplatform.customers.models import (
    Company,
    Event,
    EventName,
    EventSubscription,
    Person,
    Source,
)
from csplatform.kit.clock import now


class SourceForm(forms.ModelForm):
    """Labels and hints."""

    class Meta:
        model = Source
        fields = ("name", "is_active", "allowed_origins")
        labels = {"is_active": "Active"}
        help_texts = {
            "is_active": "Events of an inactive source are refused.",
            "allowed_origins": "Origins whose pages may use the key, separated by commas, e.g."
            " https://app.example.com. Empty: all.",
        }


@admin.register(Source)
class SourceAdmin(ModelAdmin):
    """Sites and systems that send events."""

    form = SourceForm
    icon = "sensors"
    list_display = ("name", "shown_key", "is_active", "created_at")
    search_fields = ("name",)
    fields = ("name", "is_active", "allowed_origins", "snippet")
    readonly_fields = ("snippet",)
    empty_title = "No sources yet"
    empty_text = "A source is your product's site or a server that sends events here with its key."

    class Media:
        js = ("adminkit/copy_buttons.js",)

    @display(description="Write key")
    def shown_key(self, source: Source) -> SafeString:
        """Public, so shown whole."""
        return format_html('<code class="cs-code">{}</code>', source.write_key)

    @display(description="Put this on your pages")
    def snippet(self, source: Source) -> str | SafeString:
        """The lines for the host product, ready to copy."""
        if source.pk is None:
            return "Save first; then the lines to copy stand here."
        context = {"source": source, "address": settings.PUBLIC_URL.rstrip("/")}
        return render_to_string("admin/customers/source/snippet.html", context)

    def has_delete_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        """Events name their source: make it inactive."""
        return False


# Consumers in the words of the console; "freshness" decides segments and rules anew.
LISTENERS = {"journeys": "Programs", "freshness": "Segments and rules"}


@admin.register(EventName)
class EventNameAdmin(ModelAdmin):
    """Names of events that arrived or that a rule waits for."""

    icon = "label"
    list_display = ("name", "label", "listeners", "events")
    search_fields = ("name", "label")
    fields = ("name", "label", "listeners", "events")
    readonly_fields = ("name", "listeners", "events")
    empty_title = "No events yet"
    empty_text = "Names appear here as soon as the first events arrive."

    def get_queryset(self, request: HttpRequest) -> QuerySet[EventName]:
        """With who listens, in two queries."""
        self.consumers: dict[int, list[str]] = {}
        for name_id, consumer in EventSubscription.objects.values_list("name_id", "consumer"):
            self.consumers.setdefault(name_id, []).append(consumer)
        return super().get_queryset(request)

    @display(description="Listened to by")
    def listeners(self, row: EventName) -> str:
        """Consumers with a subscription."""
        found = self.consumers.get(row.pk, [])
        return ", ".join(sorted(LISTENERS.get(name, name) for name in found)) or "–"

    @display(description="Events")
    def events(self, row: EventName) -> SafeString:
        """The last ones of this name."""
        link = reverse("admin:customers_event_changelist")
        return format_html(
            '<a class="cs-link" href="{}?name={}">Show the last ones</a>', link, row.pk
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """They come with events and rules."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        """Events name them."""
        return False


class RecordedFilter(DropdownFilter):
    """A window on the events, so that the list never reads all months."""

    title = "when"
    parameter_name = "when"
    DAYS = {"1": "Last 24 hours", "7": "Last 7 days", "30": "Last 30 days", "90": "Last 90 days"}

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """The windows."""
        return list(self.DAYS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        """Thirty days unless chosen otherwise; when it was recorded prunes the partitions."""
        days = int(self.value()) if self.value() in self.DAYS else 30
        since = now() - timedelta(days=days)
        return queryset.filter(recorded_at__gte=since, occurred_at__gte=since)


class NameFilter(DropdownFilter):
    """Events of a name."""

    title = "event"
    parameter_name = "name"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """All names."""
        return [(str(row.pk), str(row)) for row in EventName.objects.all()[:500]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        """Those of the chosen name."""
        value = self.value() or ""
        return queryset.filter(name_id=int(value)) if value.isdigit() else queryset


class WhoFilter(TextFilter):
    """Events of a person or company, by number."""

    column = ""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        """Those of one subject; what is no number finds nothing."""
        value = (self.value() or "").strip()
        if not value:
            return queryset
        if not value.isdigit() or len(value) > 18:
            return queryset.none()
        return queryset.filter(**{self.column: int(value)})


class PersonIdFilter(WhoFilter):
    """Events of one person."""

    title, parameter_name, column = "person number", "person", "person_id"


class CompanyIdFilter(WhoFilter):
    """Events of one company."""

    title, parameter_name, column = "company number", "company", "company_id"


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """What happened, newest first. Events cannot be changed."""

    icon = "bolt"
    in_palette = False
    list_display = ("name", "occurred", "person", "company", "details")
    list_display_links = None
    list_filter = (NameFilter, RecordedFilter, PersonIdFilter, CompanyIdFilter)
    ordering = ("-id",)
    sortable_by = ()
    actions = None
    empty_title = "No events in the last 30 days"
    empty_text = "Put the tracker on your site (Settings, Sources) or send events to the API."

    def complete(self, rows: list[Any]) -> None:
        """Names, people and companies of a page in three queries: events have no foreign keys."""
        names = EventName.objects.in_bulk({row.name_id for row in rows})
        people = Person.objects.in_bulk({row.person_id for row in rows if row.person_id})
        companies = Company.objects.in_bulk({row.company_id for row in rows if row.company_id})
        for row in rows:
            row.shown = (
                names.get(row.name_id),
                people.get(row.person_id),
                companies.get(row.company_id),
            )

    @display(description="Event")
    def name(self, event: Any) -> str:
        """Its name."""
        return str(event.shown[0] or event.name_id)

    @display(description="When")
    def occurred(self, event: Event) -> str:
        """When it happened."""
        return when(event.occurred_at)

    @display(description="Person")
    def person(self, event: Any) -> str:
        """Leading to the snapshot."""
        return _link("person-snapshot", event.shown[1])

    @display(description="Company")
    def company(self, event: Any) -> str:
        """Leading to the snapshot."""
        return _link("company-snapshot", event.shown[2])

    @display(description="Properties")
    def details(self, event: Event) -> str:
        """The first few."""
        pairs = [f"{key}: {str(value)[:40]}" for key, value in list(event.properties.items())[:4]]
        return ", ".join(pairs) + (" …" if len(event.properties) > 4 else "")


def _link(page: str, obj: Any) -> str:
    return (
        format_html('<a class="cs-link" href="{}">{}</a>', reverse(page, args=[obj.pk]), obj)
        if obj
        else "–"
    )

"""The message desk: what was sent, what waits, what needs a decision."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET, require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from csplatform.adminkit.base import ReadOnlyAdmin, tell_problems
from csplatform.adminkit.home import Figure
from csplatform.customers.models import Company, Person
from csplatform.kit.errors import DomainError
from journeys.admin.door import need
from journeys.admin.message_filters import ChannelFilter, EndpointFilter
from journeys.admin.message_parts import part_of
from journeys.channels import channels
from journeys.emails.framed import framed_html
from journeys.emails.operations import mark_sent, may_send_again, send_again
from journeys.emails.shown import shown_message
from journeys.models import Outbox, Program, WebhookEndpoint
from journeys.models.outbox import OutboxState

MAX_AT_ONCE = 5000
_TONES = {
    "Waiting": "info", "Being sent": "info", "Sent": "success", "Uncertain": "warning",
    "Given up": "danger", "Cancelled": "",
}  # fmt: skip


@admin.register(Outbox)
class OutboxAdmin(ReadOnlyAdmin):
    """Messages of all programs."""

    list_display = [
        "to", "channel_label", "subject_shown", "program_link", "state_label", "attempts", "moment",
        "error_shown",
    ]  # fmt: skip
    list_filter = [ChannelFilter, ("state", ChoicesDropdownFilter), EndpointFilter]
    search_fields = ["to_address__istartswith", "subject__istartswith"]
    ordering = ["-id"]
    actions = ["send_again_selected", "mark_sent_selected"]
    list_before_template = "admin/journeys/outbox/notice.html"
    empty_title = "No messages here"
    empty_text = "Mails and webhooks are listed here from the moment a step decides to send them."

    class Media:
        css = {"all": ["journeys/emails/editor.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Outbox]:
        """The rows; names of programs and endpoints are read once per page."""
        self._programs = dict(Program.objects.order_by().values_list("pk", "name"))
        self._endpoints = dict(WebhookEndpoint.objects.order_by().values_list("pk", "name"))
        return super().get_queryset(request)

    @admin.display(description="To", ordering="to_address")
    def to(self, message: Outbox) -> SafeString:
        """The address or endpoint, leading to the message."""
        url = reverse("admin:journeys_outbox_change", args=[message.pk])
        known = self._endpoints.get(message.payload.get("endpoint") or 0)
        shown = message.to_address or known or message.payload.get("to")
        shown = shown or f"Person {message.person_id}"
        return format_html('<a class="font-semibold" href="{}">{}</a>', url, shown)

    @admin.display(description="Channel")
    def channel_label(self, message: Outbox) -> str:
        """Mail, webhook, ..."""
        known = message.channel in channels
        return channels.get(message.channel).label if known else message.channel

    @admin.display(description="Subject", ordering="subject")
    def subject_shown(self, message: Outbox) -> str:
        """The subject or type once it is known."""
        return message.subject or message.payload.get("type") or "–"

    @admin.display(description="Program")
    def program_link(self, message: Outbox) -> SafeString | str:
        """The program's snapshot."""
        if message.program_id is None:
            return "Test" if {"to", "test"} & set(message.payload) else "–"
        url = reverse("admin:journeys_program_snapshot", args=[message.program_id])
        name = self._programs.get(message.program_id, "deleted")
        return format_html('<a href="{}">{}</a>', url, name)

    @display(description="State", ordering="state", label=_TONES)
    def state_label(self, message: Outbox) -> str:
        """The state as a badge."""
        return message.get_state_display()

    @admin.display(description="When", ordering="id")
    def moment(self, message: Outbox) -> Any:
        """When it left, or was decided."""
        return message.sent_at or message.created_at

    @admin.display(description="Reason")
    def error_shown(self, message: Outbox) -> str:
        """The beginning of what went wrong."""
        return message.error[:80]

    def has_desk_permission(self, request: HttpRequest) -> bool:
        """Who may decide about messages."""
        return request.user.has_perm("journeys.change_outbox")

    @admin.action(
        description="Send again (uncertain, given up, endpoint was off)", permissions=["desk"]
    )
    def send_again_selected(self, request: HttpRequest, queryset: QuerySet[Outbox]) -> None:
        """Send the ticked ones once more."""
        self._decide(request, queryset, send_again, "{} will be sent again.")

    @admin.action(description="Mark as sent (uncertain)", permissions=["desk"])
    def mark_sent_selected(self, request: HttpRequest, queryset: QuerySet[Outbox]) -> None:
        """State that the ticked ones arrived."""
        self._decide(request, queryset, mark_sent, "{} are marked as sent.")

    def _decide(self, request: HttpRequest, queryset: Any, act: Any, words: str) -> None:
        ids = list(queryset.values_list("pk", flat=True)[:MAX_AT_ONCE])
        done = act(ids, actor=request.user)
        if done:
            messages.success(request, words.format(done))
        if done < len(ids):
            rest = len(ids) - done
            messages.warning(request, f"{rest} were left alone: their state does not allow it.")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list, with a notice of what waits for a decision."""
        return super().changelist_view(request, {**(extra_context or {}), "desk": _desk_counts()})

    def get_urls(self) -> list[URLPattern]:
        """One message's content and actions."""
        wrap = self.admin_site.admin_view
        ours = [
            path("<int:message_id>/html/", wrap(require_GET(self.html)),
                 name="journeys_outbox_html"),
            path("<int:message_id>/do/", wrap(require_POST(self.act)), name="journeys_outbox_do"),
        ]  # fmt: skip
        return [*ours, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """One message instead of a form: what it says, what became of it, whom it is for."""
        need(request, "journeys.view_outbox")
        if not object_id.isdigit() or len(object_id) > 18:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        message = get_object_or_404(Outbox, pk=object_id)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": message,
            "message": message,
            "title": message.subject or message.payload.get("type") or f"Message {message.pk}",
            "person": Person.objects.filter(pk=message.person_id or 0).first(),
            "program": Program.objects.filter(pk=message.program_id or 0).first(),
            "company": Company.objects.filter(pk=message.company_id or 0).first(),
            "unknown_tokens": message.payload.get("unknown_tokens", []),
            "can_decide": self.has_desk_permission(request),
            "can_resend": may_send_again(message),
            **part_of(message),
        }
        return TemplateResponse(request, "admin/journeys/outbox/message.html", context)

    def html(self, request: HttpRequest, message_id: int) -> HttpResponse:
        """A message's HTML for the frame of its page."""
        need(request, "journeys.view_outbox")
        shown = shown_message(get_object_or_404(Outbox, pk=message_id))
        return framed_html(shown.mail.html if shown.mail else "<p>Nothing to show.</p>")

    def act(self, request: HttpRequest, message_id: int) -> HttpResponse:
        """Decide about one message: do=send_again|mark_sent."""
        acts = {"send_again": (send_again, "It will be sent again."),
                "mark_sent": (mark_sent, "Marked as sent.")}  # fmt: skip
        act, words = acts.get(request.POST.get("do", ""), (None, ""))
        try:
            if act is not None and act([message_id], actor=request.user):
                messages.success(request, words)
            else:
                messages.warning(request, "Nothing to do: its state has changed meanwhile.")
        except DomainError as error:
            tell_problems(request, error)
        return HttpResponseRedirect(reverse("admin:journeys_outbox_change", args=[message_id]))


def _desk_counts() -> dict[str, int]:
    """How many messages wait for a decision, by state; from a partial index."""
    rows = Outbox.objects.filter(state__in=[OutboxState.UNCERTAIN, OutboxState.DEAD]).order_by()
    return dict(rows.values_list("state").annotate(Count("pk")))


def desk_attention(request: HttpRequest) -> Figure | None:
    """Messages to decide about, for the home page."""
    counts = _desk_counts()
    total = sum(counts.values())
    if not total or not request.user.has_perm("journeys.view_outbox"):
        return None
    parts: Sequence[str] = [
        words
        for state, words in (
            (OutboxState.UNCERTAIN, f"{counts.get('uncertain', 0)} uncertain"),
            (OutboxState.DEAD, f"{counts.get('dead', 0)} given up"),
        )
        if counts.get(state)
    ]
    url = reverse("admin:journeys_outbox_changelist")
    link = f"{url}?state__exact={'uncertain' if counts.get('uncertain') else 'dead'}"
    return Figure("Messages", total, link=link, tone="bad", note=", ".join(parts))

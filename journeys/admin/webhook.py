"""Webhook endpoints: list, form, secrets that are shown once, a try by hand."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse, reverse_lazy
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldBooleanSwitchWidget

from csplatform.adminkit.base import ModelAdmin
from csplatform.adminkit.home import Figure
from csplatform.kit.clock import now
from journeys.emails.usage import ProgramUse, reference_usage
from journeys.models import WebhookEndpoint
from journeys.webhooks.operations import (
    EndpointInput,
    change_endpoint,
    create_endpoint,
    delete_endpoint,
    programs_using,
    rotate_secret,
    send_test,
)

_TONES = {"on": "success", "resting": "warning", "off": "", "off: 410": "danger"}


class EndpointForm(forms.ModelForm):
    """Name, address, switch; headers go in and are never shown again."""

    headers = forms.CharField(
        required=False,
        label="Extra headers",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "spellcheck": "false"}),
        help_text="One per line, such as Authorization: Bearer …",
    )
    forget_headers = forms.BooleanField(
        required=False,
        label="Remove the extra headers",
        widget=UnfoldBooleanSwitchWidget,
    )

    class Meta:
        model = WebhookEndpoint
        fields = ["name", "url", "is_active"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.sealed_headers:
            self.fields["headers"].help_text = (
                "Some are kept, encrypted, and not shown again. What you enter here replaces them;"
                " one per line, such as Authorization: Bearer …"
            )

    def clean_headers(self) -> dict[str, str] | None:
        """Names and values; None leaves them as they are."""
        lines = [line for line in self.cleaned_data["headers"].splitlines() if line.strip()]
        found: dict[str, str] = {}
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon or name.strip() in found:
                raise forms.ValidationError("Write each header once, as “Name: value”.")
            found[name.strip()] = value.strip()
        return found or None

    def given(self) -> EndpointInput:
        """For the operation."""
        values = self.cleaned_data
        headers = {} if values.get("forget_headers") else values["headers"]
        return EndpointInput(values["name"], values["url"], values["is_active"], headers)


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ModelAdmin):
    """Receivers that programs call."""

    form = EndpointForm
    icon = "webhook"
    list_display = ["name", "host", "state", "used_by", "updated_at"]
    list_filter = ["is_active"]
    search_fields = ["name"]
    ordering = ["name"]
    readonly_fields = ["how_it_does"]
    actions_detail = ["try_it", "rotate"]
    empty_title = "No webhook endpoints yet"
    empty_text = "Add the address of another system; then a “Call webhook” step can tell it things."

    def get_fieldsets(self, request: HttpRequest, obj: Any | None = None) -> Any:
        """What removes headers, and how it does, only where there is something."""
        headers = ["headers"]
        if obj is not None and obj.sealed_headers:
            headers.append("forget_headers")
        top = ["name", "url", "is_active"] + (["how_it_does"] if obj is not None else [])
        return [(None, {"fields": top}), ("Headers", {"fields": headers})]

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEndpoint]:
        """The rows; usage is read once per page."""
        self._usage: dict[int, list[ProgramUse]] = reference_usage("webhook_endpoint")
        return super().get_queryset(request)

    @admin.display(description="Host")
    def host(self, endpoint: WebhookEndpoint) -> str:
        """The address without what may be secret in it."""
        return endpoint.url.split("//", 1)[-1].split("/", 1)[0].split("?", 1)[0][:80]

    @display(description="State", label=_TONES)
    def state(self, endpoint: WebhookEndpoint) -> str:
        """On, resting or off."""
        return _state(endpoint)

    @admin.display(description="Used by")
    def used_by(self, endpoint: WebhookEndpoint) -> SafeString:
        """Programs under way that call it, each a link."""
        uses = self._usage.get(endpoint.pk, [])
        if not uses:
            return format_html('<span class="cs-muted">{}</span>', "no program")
        page = "admin:journeys_program_snapshot"
        links = [(reverse(page, args=[use.program_id]), use.name) for use in uses]
        return format_html_join(", ", '<a href="{}">{}</a>', links)

    @admin.display(description="How it does")
    def how_it_does(self, endpoint: WebhookEndpoint) -> SafeString:
        """In a sentence, with the way to its messages."""
        link = f"{reverse('admin:journeys_outbox_changelist')}?endpoint={endpoint.pk}"
        return format_html('{} <a class="cs-link" href="{}">Its messages</a>', _how(endpoint), link)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save through the operation, which also keeps the trail."""
        if change:
            change_endpoint(obj.pk, form.given(), actor=request.user)
        else:
            row, obj.shown_once = create_endpoint(form.given(), actor=request.user)
            obj.pk = row.pk

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The one page that ever shows the secret."""
        return self._show(request, obj, obj.shown_once)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete through the operation, which also keeps the trail."""
        delete_endpoint(obj.pk, actor=request.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        """Delete the ticked ones; none if one of them is in use."""
        with transaction.atomic():
            for endpoint in queryset:
                delete_endpoint(endpoint.pk, actor=request.user)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple:
        """An endpoint that a program calls cannot be deleted."""
        deleted, counts, perms, protected = super().get_deleted_objects(objs, request)
        for endpoint in objs:
            for name in programs_using(endpoint.pk):
                protected = [*protected, f"{endpoint.name} is called by the program {name}"]
        return deleted, counts, perms, protected

    @action(description="Send a test", icon="send", permissions=["journeys.change_webhookendpoint"])
    def try_it(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then send a message about nobody and lead to it."""
        endpoint = self.get_object(request, object_id)
        if endpoint is None:
            return HttpResponseRedirect(reverse("admin:journeys_webhookendpoint_changelist"))
        if request.method == "POST":
            message = send_test(endpoint.pk, actor=request.user)
            messages.success(request, "On its way. Reload this page to see the answer.")
            page = reverse("admin:journeys_outbox_change", args=[message.pk])
            return HttpResponseRedirect(page)
        text = "A signed message of the type webhook.test, about nobody, is sent there once."
        return self._ask(request, endpoint, f"Send a test to {endpoint}?", text, "Send it")

    @action(
        description="Rotate the secret", icon="autorenew",
        permissions=["journeys.change_webhookendpoint"],
    )  # fmt: skip
    def rotate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then show the new secret once."""
        endpoint = self.get_object(request, object_id)
        if endpoint is None:
            return HttpResponseRedirect(reverse("admin:journeys_webhookendpoint_changelist"))
        if request.method == "POST":
            row, secret = rotate_secret(endpoint.pk, actor=request.user)
            return self._show(request, row, secret)
        text = (
            "For 24 hours messages carry a signature of the old and of the new secret, so that the"
            " receiver can change over. After that the old one is worth nothing."
        )
        title = f"Rotate the secret of {endpoint}?"
        return self._ask(request, endpoint, title, text, "Make a new secret")

    def _ask(
        self, request: HttpRequest, endpoint: Any, title: str, text: str, button: str
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": title, "text": text, "button": button, "opts": self.opts,
            "back": reverse("admin:journeys_webhookendpoint_change", args=[endpoint.pk]),
        }  # fmt: skip
        return TemplateResponse(request, "adminkit/confirm.html", context)

    def _show(self, request: HttpRequest, endpoint: Any, secret: str) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "The secret of the endpoint", "opts": self.opts, "endpoint": endpoint,
            "secret": secret,
        }  # fmt: skip
        page = "admin/journeys/webhookendpoint/shown.html"
        response = TemplateResponse(request, page, context)
        response["Cache-Control"] = "no-store"
        return response


def _state(endpoint: WebhookEndpoint) -> str:
    if not endpoint.is_active:
        return "off: 410" if endpoint.off_reason else "off"
    resting = endpoint.paused_until is not None and endpoint.paused_until > now()
    return "resting" if resting else "on"


def _how(endpoint: WebhookEndpoint) -> str:
    """A sentence about the endpoint's state."""
    state = _state(endpoint)
    if state.startswith("off"):
        return endpoint.off_reason or "Switched off: nothing is sent there."
    if state == "resting":
        until = f"{endpoint.paused_until:%d %b %Y %H:%M:%S} UTC"
        return (
            f"It failed {endpoint.failures} times in a row and rests until {until}; its messages"
            " wait without using up tries."
        )
    if endpoint.failures:
        times = "once" if endpoint.failures == 1 else f"{endpoint.failures} times"
        return f"The last tries failed ({times} in a row)."
    return "All is well."


def endpoint_attention(request: HttpRequest) -> Figure | None:
    """Endpoints that were switched off by their receiver or rest, for the home page."""
    if not request.user.has_perm("journeys.view_webhookendpoint"):
        return None
    gone = WebhookEndpoint.objects.filter(is_active=False).exclude(off_reason="").count()
    resting = WebhookEndpoint.objects.filter(is_active=True, paused_until__gt=now()).count()
    if not gone + resting:
        return None
    parts = [
        words
        for number, words in ((gone, f"{gone} said “gone”"), (resting, f"{resting} resting"))
        if number
    ]
    link = str(reverse_lazy("admin:journeys_webhookendpoint_changelist"))
    return Figure(
        "Webhook endpoints", gone + resting, link=link, tone="bad" if gone else "warn",
        note=", ".join(parts),
    )  # fmt: skip

"""Sidebar entries, the message page's parts and the home page's look at mails and webhooks."""

from django.urls import reverse_lazy

from csplatform.adminkit.home import attention
from csplatform.adminkit.navigation import Entry, entries
from journeys.admin import message_parts
from journeys.admin.message import desk_attention
from journeys.admin.webhook import endpoint_attention


def register() -> None:
    """Called once at start by journeys.registrations."""
    entries.register(
        "journeys.templates",
        Entry("Build", 40, "Mail templates", "mail",
              lambda: reverse_lazy("admin:journeys_emailtemplate_changelist"),
              "journeys.view_emailtemplate"),
    )  # fmt: skip
    entries.register(
        "journeys.messages",
        Entry("Watch", 30, "Messages", "outgoing_mail",
              lambda: reverse_lazy("admin:journeys_outbox_changelist"), "journeys.view_outbox"),
    )  # fmt: skip
    entries.register(
        "journeys.webhooks",
        Entry("Settings", 25, "Webhook endpoints", "webhook",
              lambda: reverse_lazy("admin:journeys_webhookendpoint_changelist"),
              "journeys.view_webhookendpoint"),
    )  # fmt: skip
    message_parts.register()
    attention.register("journeys.messages", desk_attention)
    attention.register("journeys.webhooks", endpoint_attention)

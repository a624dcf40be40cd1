"""What the desk shows of a message besides its state: each channel's own part."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from csplatform.kit.registry import Registry
from journeys.channels import channels
from journeys.emails.shown import shown_message
from journeys.models import CapturedMail, Outbox, WebhookEndpoint
from journeys.models.outbox import OutboxState

MAX_SHOWN = 20_000


@dataclass(frozen=True)
class MessagePart:
    """A channel's part of the message page.

    Attributes:
        template: gets `message` and what `load` gives.
    """

    template: str
    load: Callable[[Outbox], dict[str, Any]]


# by channel
message_parts: Registry[MessagePart] = Registry("message part")


def part_of(message: Outbox) -> dict[str, Any]:
    """Context of a message's own part; {} for a channel that shows nothing."""
    if message.channel not in message_parts:
        return {}
    part = message_parts.get(message.channel)
    icon = channels.get(message.channel).icon
    return {"part": part.template, "icon": icon, **part.load(message)}


def _mail(message: Outbox) -> dict[str, Any]:
    return {
        "shown": shown_message(message),
        "captured": CapturedMail.objects.filter(outbox_id=message.pk).only("pk").first(),
    }


def _webhook(message: Outbox) -> dict[str, Any]:
    endpoint = WebhookEndpoint.objects.filter(pk=message.payload.get("endpoint") or 0).first()
    rest = endpoint.paused_until if endpoint else None
    waits = message.state == OutboxState.PENDING
    return {
        "endpoint": endpoint,
        "resting_until": rest if waits and rest and message.due_at and rest > message.due_at
        else None,
        "body": _indented(message.payload.get("body")),
        "answer": message.payload.get("answer"),
    }  # fmt: skip


def _indented(body: str | None) -> str:
    """A body for reading; "" while there is none."""
    if not body:
        return ""
    text = json.dumps(json.loads(body), ensure_ascii=False, indent=2)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "\n…"


def register() -> None:
    """Called once at start."""
    folder = "admin/journeys/outbox"
    message_parts.register("email", MessagePart(f"{folder}/_mail.html", _mail))
    message_parts.register("webhook", MessagePart(f"{folder}/_webhook.html", _webhook))

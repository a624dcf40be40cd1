"""The mail backend of an installation without a mail server: keeps mails in a table."""

from collections.abc import Sequence
from email.header import decode_header, make_header
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from csplatform.kit.clock import now
from journeys.models import CapturedMail


class CapturedMailBackend(BaseEmailBackend):
    """Stores what would have left; read at /mail/."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Keep the mails; all or none of them."""
        rows = [_row(message) for message in email_messages if message.recipients()]
        CapturedMail.objects.bulk_create(rows)
        return len(rows)


def _row(message: EmailMessage) -> CapturedMail:
    # Building the real message first: what could not have been sent is not captured either.
    headers = [[name, _decoded(value)] for name, value in message.message().items()]
    fields = {name.lower(): value for name, value in headers}
    return CapturedMail(
        person_id=getattr(message, "person_id", None),
        outbox_id=getattr(message, "outbox_id", None),
        sender=fields.get("from", "")[:320],
        recipients=", ".join(message.recipients()),
        subject=fields.get("subject", ""),
        text=_clean(str(message.body)),
        html=_html(message),
        headers=headers,
        message_id=fields.get("message-id", "")[:200],
        captured_at=now(),
    )


def _decoded(value: Any) -> str:
    return _clean(str(make_header(decode_header(str(value)))))


def _clean(text: str) -> str:
    """PostgreSQL takes no NUL characters."""
    return text.replace("\x00", "")


def _html(message: EmailMessage) -> str:
    for content, kind in getattr(message, "alternatives", []):
        if kind == "text/html":
            return _clean(str(content))
    return ""

"""The mail as Django's backends take it."""

import secrets
from email.policy import Compat32
from email.utils import formataddr, parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives

from journeys.emails.render import RenderedMail


def new_message_id(outbox_id: int) -> str:
    """A Message-ID that names the outbox row and cannot be guessed."""
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    return f"<{outbox_id}.{secrets.token_hex(8)}@{domain}>"


class OutgoingMail(EmailMultiAlternatives):
    """One rendered mail to one address.

    Attributes:
        envelope_from: the address that bounces go to.
        person_id, outbox_id: for the backend that captures mails; real ones never look at them.
    """

    def __init__(
        self,
        mail: RenderedMail,
        *,
        to: str,
        message_id: str,
        person_id: int | None,
        outbox_id: int,
    ) -> None:
        name, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
        super().__init__(
            subject=mail.subject,
            body=mail.text,
            from_email=formataddr((mail.sender_name or name, address)),
            to=[to],
            reply_to=[mail.reply_to] if mail.reply_to else None,
            headers={"Message-ID": message_id, **_goodbye(mail.unsubscribe)},
        )
        self.attach_alternative(mail.html, "text/html")
        self.envelope_from = address
        self.person_id, self.outbox_id = person_id, outbox_id

    def message(self, **policy: Any) -> Any:
        """The MIME message, with what makes the library slow taken out: its search for a boundary
        reads the whole mail, its folding takes each short header apart."""
        message = super().message(**policy)
        message.set_boundary(f"={secrets.token_hex(20)}=")
        for part in message.walk():
            part.policy = _short_headers
        return message


def _goodbye(url: str) -> dict[str, str]:
    """Unsubscribing with one click in the mail program (RFC 8058)."""
    if not url.startswith("http"):
        return {}
    return {
        "List-Unsubscribe": f"<{url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


class _ShortHeaders(Compat32):
    """Writes short ASCII headers as they are and leaves all others to the library."""

    def fold_binary(self, name: str, value: Any) -> bytes:
        line = f"{name}: {value}"
        # One word, such as an address, cannot be folded anyway; lines may have 998 bytes.
        limit = 76 if " " in str(value) else 900
        if isinstance(value, str) and len(line) < limit and line.isascii() and line.isprintable():
            return f"{line}{self.linesep}".encode("ascii")
        return super().fold_binary(name, value)


_short_headers = _ShortHeaders()

"""The talk with the mail server, and what its end means for the message."""

import smtplib
from dataclasses import dataclass
from typing import Any

from django.core.mail import EmailMultiAlternatives, get_connection

from journeys.emails.outgoing import OutgoingMail


class NoConnection(Exception):
    """The mail server cannot be reached or refused us before any mail was named."""


@dataclass(frozen=True)
class Taken:
    """The server took it."""


@dataclass(frozen=True)
class Refused:
    """The server certainly did not take it. `final`: asking again is no use; `recipient`: because
    of whom it is for."""

    final: bool
    error: str
    recipient: bool = False


@dataclass(frozen=True)
class Unknown:
    """The talk broke off after the mail was on its way."""

    error: str


Result = Taken | Refused | Unknown


class Delivery:
    """One kept connection for a batch of mails, through Django's configured backend."""

    def __init__(self) -> None:
        self._backend: Any = get_connection(fail_silently=False)
        self._handed_over = False

    def open(self) -> None:
        """Connect if there is no connection. Raises NoConnection."""
        try:
            self._backend.open()
        except OSError as error:  # smtplib's errors are OSErrors too
            raise NoConnection(_words(error)) from error
        smtp = getattr(self._backend, "connection", None)
        if isinstance(smtp, smtplib.SMTP):
            self._watch(smtp)

    def _watch(self, smtp: smtplib.SMTP) -> None:
        """Learn when the body goes out: before DATA a broken line is no loss, after it nobody
        knows."""
        if "data" in vars(smtp):
            return
        plain_data = smtp.data

        def data(body: Any) -> Any:
            self._handed_over = True
            return plain_data(body)

        smtp.data = data  # type: ignore[method-assign,assignment]

    def send(self, mail: EmailMultiAlternatives) -> Result:
        """Hand one mail over. Raises NoConnection if there is no server to hand it to."""
        self.open()
        watched = isinstance(getattr(self._backend, "connection", None), smtplib.SMTP)
        self._handed_over = not watched
        try:
            self._hand_over(mail)
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            return self._answered(code, text, recipient=True)
        except smtplib.SMTPResponseException as error:
            return self._answered(error.smtp_code, error.smtp_error)
        except (ValueError, UnicodeError) as error:  # the mail itself cannot be written down
            return Refused(final=True, error=_words(error))
        except Exception as error:  # other backends raise what they like
            self.close()
            if self._handed_over:
                return Unknown(_words(error))
            return Refused(final=False, error=_words(error))
        return Taken()

    def _hand_over(self, mail: EmailMultiAlternatives) -> None:
        smtp = getattr(self._backend, "connection", None)
        if isinstance(smtp, smtplib.SMTP) and isinstance(mail, OutgoingMail):
            # What the backend does, without taking apart addresses that are known to be plain.
            body = mail.message().as_bytes(linesep="\r\n")
            smtp.sendmail(mail.envelope_from, mail.to, body)
        else:
            self._backend.send_messages([mail])

    def _answered(self, code: int, text: bytes | str, *, recipient: bool = False) -> Result:
        words = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
        if code < 400 or code == 421:  # 421: the server hangs up; -1: it said nothing sensible
            self.close()
        if code < 400 and self._handed_over:
            return Unknown(f"{code} {words}"[:500])
        return Refused(final=code >= 500, error=f"{code} {words}"[:500], recipient=recipient)

    def close(self) -> None:
        """Hang up; a server that is gone is no error."""
        try:
            self._backend.close()
        except OSError:
            self._backend.connection = None


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:500]

"""Tracked links and the opening pixel: signed addresses, and what a visit to them records."""

import logging
from typing import Any

from django.conf import settings
from django.db import DatabaseError

from csplatform.customers.operations.events import EventInput, record_events
from csplatform.kit.errors import DomainError
from csplatform.kit.merge_tags import is_safe_url
from csplatform.kit.tokens import BadToken, make_token, read_token
from journeys.models import Outbox

log = logging.getLogger(__name__)
CLICK = "email.click"
OPEN = "email.open"


def _here() -> str:
    return settings.PUBLIC_URL.rstrip("/")


class TrackedLinks:
    """The addresses of one message. The target stands in the signed token itself: nobody can
    make us redirect elsewhere, and the link works as long as the mail exists."""

    def __init__(self, outbox_id: int, unsubscribe: str = "") -> None:
        self.outbox_id = outbox_id
        self._unsubscribe = unsubscribe

    def link(self, index: int, url: str) -> str:
        """A web link by way of us; mailto stays as it is."""
        if url.lower().startswith("mailto:"):
            return url
        return f"{_here()}/e/c/{make_token(CLICK, [self.outbox_id, index, url])}/"

    def pixel(self) -> str:
        """The picture whose loading counts as an opening."""
        return f"{_here()}/e/o/{make_token(OPEN, self.outbox_id)}.gif"

    def unsubscribe(self) -> str:
        """The preferences of whom the mail goes to; "" in operational mails."""
        return self._unsubscribe


def click_target(token: str) -> tuple[int, int, str]:
    """(outbox id, link number, where it leads). Raises BadToken."""
    match read_token(CLICK, token):
        case [int(outbox_id), int(index), str(url)] if is_safe_url(url):
            return outbox_id, index, url
    raise BadToken("not of our making")


def opened_message(token: str) -> int:
    """The outbox id of a pixel. Raises BadToken."""
    match read_token(OPEN, token):
        case int(outbox_id):
            return outbox_id
    raise BadToken("not of our making")


def record_click(outbox_id: int, index: int, url: str) -> None:
    """Every click counts. Never fails: a lost count must not cost the visitor the page."""
    _record("email.clicked", outbox_id, {"link": index, "url": url[:500]}, None)


def record_open(outbox_id: int) -> None:
    """The first opening counts; a mail program loads the picture again at each look."""
    _record("email.opened", outbox_id, {}, f"email.opened:{outbox_id}")


def _record(name: str, outbox_id: int, properties: dict[str, Any], message_id: str | None) -> None:
    try:
        row = Outbox.objects.filter(pk=outbox_id, person_id__isnull=False).values(
            "person_id", "company_id", "program_id", "step_key"
        )
        found = row.first()
        if found is None:
            return
        about = {"program": found["program_id"], "step": found["step_key"], **properties}
        event = EventInput(
            name=name, person_id=found["person_id"], company_id=found["company_id"],
            ref=outbox_id, properties=about, message_id=message_id,
        )  # fmt: skip
        record_events([event])
    except (DatabaseError, DomainError) as error:
        log.error("mail event lost", extra={"event": name, "outbox": outbox_id, "why": str(error)})

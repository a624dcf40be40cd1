"""The work of the outbox lane: takes due mails and hands them over, at most once each.

Per mail: "sending" is committed, with the attention entry, before the server gets it; then it is
"sent", refused (again later, or given up), or "uncertain". Nothing uncertain is sent again by
itself (REL-02).
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from csplatform.customers.operations.events import EventInput, record_events
from csplatform.kit import rates
from csplatform.kit.clock import database_now
from csplatform.kit.errors import DomainError
from csplatform.kit.merge_tags import Values
from journeys.consent.bounces import is_hard
from journeys.consent.operations import note_bounce
from journeys.consent.tokens import preferences_url
from journeys.emails import claims
from journeys.emails.context import load_values
from journeys.emails.delivery import Delivery, NoConnection, Refused, Taken, Unknown
from journeys.emails.message import Message
from journeys.emails.outgoing import OutgoingMail, new_message_id
from journeys.emails.render import (
    Links,
    PlainLinks,
    RenderedMail,
    compile_content,
    content_of,
    render,
)
from journeys.emails.revisions import revision_ids
from journeys.emails.sending_checks import Cancel, Postpone, verdicts
from journeys.emails.tracking import TrackedLinks
from journeys.models import EmailTemplate

log = logging.getLogger(__name__)
BATCH = 100
MAX_ATTEMPTS = 8
FIRST_RETRY_SECONDS = 60
LONGEST_RETRY_SECONDS = 4 * 3600
SERVER_AWAY_SECONDS = 30


@dataclass(frozen=True)
class Ready:
    """A message with everything that it takes to hand it over."""

    message: Message
    address: str
    mail: RenderedMail
    revision: int | None


def pending() -> bool:
    """Whether a mail is due or a sender died."""
    return claims.has_due(database_now()) or bool(claims.workers_in_hand())


def run_batch(limit: int = BATCH) -> int:
    """Send one batch. Returns how many messages were moved; 0: nothing due, or no mail server."""
    sweep()
    now = database_now()
    with claims.sender_lock() as worker:
        messages = claims.claim(worker, now, limit)
        if not messages:
            return 0
        ready = _prepare(_checked(messages, now), now)
        served = _send_all(ready, worker) if ready else True
        record_sent(worker)
    return len(messages) if served else 0


def _checked(messages: Sequence[Message], now: datetime) -> list[Message]:
    """Those that may leave; the others are cancelled or put off."""
    objections = verdicts(messages)
    claims.cancel((i, v.reason) for i, v in objections.items() if isinstance(v, Cancel))
    for delay in {v for v in objections.values() if isinstance(v, Postpone)}:
        ids = [i for i, v in objections.items() if v == delay]
        claims.release(ids, due_at=now + timedelta(seconds=delay.seconds), error=delay.reason)
    return [message for message in messages if message.id not in objections]


def _prepare(messages: Sequence[Message], now: datetime) -> list[Ready]:
    """Render a batch: the same number of queries for one or a hundred."""
    named = {m.payload.get("template") for m in messages}
    wanted = {template for template in named if isinstance(template, int)}
    templates = EmailTemplate.objects.select_related("category").in_bulk(wanted)
    contents = {pk: content_of(template) for pk, template in templates.items()}
    revisions = revision_ids(contents, now)
    ready = []
    for message, values in zip(messages, load_values([m.recipient for m in messages]), strict=True):
        template_id = message.payload.get("template")
        try:
            address = _valid_address(message, values)
            content = message.payload.get("content") or contents.get(template_id or 0)
            mail = _rendered(message, content, values, templates.get(template_id or 0))
        except DomainError as error:
            claims.settle_refused(message, retry_at=None, error=str(error)[:1000])
            continue
        except Exception as error:
            # One mail that trips over a bug of ours must not stand before all others.
            log.exception("mail not rendered", extra={"outbox": message.id})
            claims.settle_refused(message, retry_at=None, error=f"{type(error).__name__}: {error}")
            continue
        ready.append(Ready(message, address, mail, revisions.get(template_id or 0)))
    return ready


def _valid_address(message: Message, values: dict[str, Any]) -> str:
    address = str(message.payload["to"] if message.is_test else values["person.email"])
    try:
        validate_email(address)
    except ValidationError:
        raise DomainError(f"“{address[:254]}” is not an email address.") from None
    return address


def _rendered(
    message: Message,
    content: dict[str, Any] | None,
    values: dict[str, Any],
    template: EmailTemplate | None,
) -> RenderedMail:
    if content is None:
        raise DomainError("The mail template was deleted.")
    links: Links = PlainLinks()
    if not message.is_test:
        category = template.category if template else None
        exempt = message.person_id is None or (category is not None and category.is_operational)
        goodbye = "" if exempt else preferences_url(message.person_id or 0, message.id)
        links = TrackedLinks(message.id, goodbye)
    mail = render(compile_content(content), Values(values), links)
    if message.payload.get("as_csm") and values["csm.email"]:
        return replace(mail, sender_name=values["csm.name"], reply_to=values["csm.email"])
    return mail


def _send_all(ready: Sequence[Ready], worker: int) -> bool:
    """Hand a batch over, one after the other. False: the server went away; the rest is back."""
    delivery = Delivery()
    taken: claims.Handed | None = None  # by the server, and not said yet
    try:
        for place, item in enumerate(ready):
            try:
                delivery.open()
                taken = _send_one(item, worker, delivery, taken)
            except NoConnection as error:
                left = [other.message.id for other in ready[place:]]
                due_at = database_now() + timedelta(seconds=SERVER_AWAY_SECONDS)
                claims.release(left, due_at=due_at, error=f"No mail server: {error}")
                log.warning("no mail server", extra={"error": str(error), "waiting": len(left)})
                return False
    finally:
        if taken:
            claims.settle_sent(taken, worker)
    delivery.close()
    return True


def _send_one(
    item: Ready, worker: int, delivery: Delivery, before: claims.Handed | None
) -> claims.Handed | None:
    """Hand one over, and say that the one before was taken; this one, if the server took it."""
    message = item.message
    handed = claims.Handed(message.id, new_message_id(message.id))
    kept = {
        "revision": item.revision,
        "values": item.mail.used,
        **({"unknown_tokens": list(item.mail.unknown)} if item.mail.unknown else {}),
    }
    if not claims.begin(
        message, worker, address=item.address, subject=item.mail.subject,
        message_id=handed.message_id, kept=kept, taken=before,
    ):  # fmt: skip
        # Something changed since the batch was checked: the next look decides.
        claims.release([message.id], due_at=database_now(), error="")
        return None
    result = delivery.send(
        OutgoingMail(
            item.mail,
            to=item.address,
            message_id=handed.message_id,
            person_id=message.person_id,
            outbox_id=message.id,
        )
    )
    rates.mailed(type(result).__name__.lower())
    if isinstance(result, Taken):
        return handed
    if isinstance(result, Unknown):
        claims.settle_uncertain(message, result.error)
    else:
        _settle_refused(item, result)
    return None


def _settle_refused(item: Ready, result: Refused) -> None:
    """Put it off or give it up; a recipient whom the server refuses for good has bounced."""
    message, retry_at = item.message, _retry_at(item.message, result)
    with transaction.atomic():
        if result.recipient and retry_at is None and not message.is_test:
            hard = is_hard(result.error)
            note_bounce(item.address, hard=hard, detail=result.error)
            event = EventInput(
                name="email.bounced", person_id=message.person_id, company_id=message.company_id,
                ref=message.id, passive=True, message_id=f"email.bounced:{message.id}",
                properties={"hard": hard, "answer": result.error[:200]},
            )  # fmt: skip
            record_events([event] if message.person_id else [])
        claims.settle_refused(message, retry_at=retry_at, error=result.error)


def _retry_at(message: Message, result: Refused) -> datetime | None:
    if result.final or message.attempts + 1 >= MAX_ATTEMPTS:
        return None
    seconds = min(FIRST_RETRY_SECONDS * 2**message.attempts, LONGEST_RETRY_SECONDS)
    return database_now() + timedelta(seconds=seconds)


def record_sent(worker: int) -> int:
    """Record the "email.sent" events of what a sender got rid of, and let those messages go.

    Events first, then the rows: people are locked before messages everywhere. The event's own
    message id makes a repetition harmless.
    """
    rows = claims.sent_in_hand(worker)
    if not rows:
        return 0
    events = [
        EventInput(
            name="email.sent", person_id=person, company_id=company, ref=outbox_id,
            occurred_at=sent_at, passive=True, message_id=f"email.sent:{outbox_id}:{attempt}",
            properties={"template": template, "program": program, "step": step},
        )
        for outbox_id, person, company, program, step, template, attempt, test, sent_at in rows
        if not test and person
    ]  # fmt: skip
    with transaction.atomic():
        record_events(events)
        claims.let_go([row[0] for row in rows], worker)
    return len(rows)


def sweep() -> int:
    """Look after what dead senders left. Returns how many messages became uncertain."""
    lost = 0
    for worker in claims.workers_in_hand():
        with transaction.atomic():
            if claims.is_dead(worker):
                lost += claims.bury(worker)
                record_sent(worker)
    if lost:
        log.error("mails became uncertain", extra={"count": lost})
    return lost

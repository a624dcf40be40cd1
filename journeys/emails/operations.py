"""What people do with messages."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import Q

from csplatform.customers.operations.events import EventInput, record_events
from csplatform.kit import audit
from csplatform.kit.clock import database_now
from csplatform.kit.errors import DomainError
from csplatform.kit.jobs import wake_on_commit
from csplatform.kit.permissions import require
from journeys.channels import lanes_of
from journeys.emails.checks import content_problems
from journeys.emails.sending_checks import PAUSED
from journeys.models import Outbox
from journeys.models.outbox import OutboxState

RESENDABLE = Q(state__in=[OutboxState.UNCERTAIN, OutboxState.DEAD]) | Q(
    state=OutboxState.CANCELLED, payload__may_resend=True
)


def may_send_again(message: Outbox) -> bool:
    """Whether `send_again` would take this message."""
    off = message.state == OutboxState.CANCELLED and message.payload.get("may_resend") is True
    return off or message.state in (OutboxState.UNCERTAIN, OutboxState.DEAD)


def send_test(content: dict[str, Any], *, person_id: int | None, actor: Any) -> Outbox:
    """Send a content, saved or not, to the actor's own address, filled in with a person's data.

    Goes through the outbox like every mail, but is not counted and its links are not tracked.
    Raises DomainError for a bad content or an account without an address.
    """
    require(actor, "journeys.change_emailtemplate")
    if not actor.email:
        raise DomainError("Your account has no email address; add one first.", code="no_address")
    problems = content_problems(content)
    if problems:
        raise DomainError(problems)
    now = database_now()
    with transaction.atomic():
        message = Outbox.objects.create(
            channel="email",
            payload={"to": actor.email, "as_person": person_id, "content": content},
            due_at=now,
            created_at=now,
        )
        wake_on_commit("outbox")
    return message


def send_again(message_ids: Sequence[int], *, actor: Any) -> int:
    """Send uncertain and given-up messages (once more), and those that were cancelled only because
    their receiver was switched off. Returns how many; others are left alone."""
    require(actor, "journeys.change_outbox")
    with transaction.atomic():
        rows = _locked(message_ids, RESENDABLE)
        now = database_now()
        Outbox.objects.filter(pk__in=[row.pk for row in rows]).update(
            state=OutboxState.PENDING, due_at=now, attempts=0, error=""
        )
        _note(rows, "message.send_again", actor)
        for lane in lanes_of(row.channel for row in rows):
            wake_on_commit(lane)
    return len(rows)


def mark_sent(message_ids: Sequence[int], *, actor: Any) -> int:
    """State that uncertain messages did arrive. Returns how many; others are left alone."""
    require(actor, "journeys.change_outbox")
    with transaction.atomic():
        rows = [row for row in _known_people(message_ids) if row.state == OutboxState.UNCERTAIN]
        now = database_now()
        # People are locked before messages, so the events come first.
        record_events(
            [
                EventInput(
                    name="email.sent", person_id=row.person_id, company_id=row.company_id,
                    ref=row.pk, passive=True, message_id=f"email.sent:{row.pk}:{row.attempts}",
                    properties={
                        "template": row.payload.get("template"),
                        "program": row.program_id,
                        "step": row.step_key,
                    },
                )
                for row in rows
                if row.person_id
            ]
        )  # fmt: skip
        moved = _locked([row.pk for row in rows], Q(state=OutboxState.UNCERTAIN))
        Outbox.objects.filter(pk__in=[row.pk for row in moved]).update(
            state=OutboxState.SENT, sent_at=now
        )
        _note(moved, "message.mark_sent", actor)
    return len(moved)


def release_postponed(program_id: int) -> int:
    """A program goes on: its held-back messages are looked at now. For the resuming operation."""
    with transaction.atomic():
        rows = list(
            Outbox.objects.filter(
                Q(attempts=0) | Q(error=PAUSED),
                program_id=program_id, state=OutboxState.PENDING, worker=None,
            )
            .order_by("pk")
            .select_for_update()
            .values_list("pk", "channel")
        )  # fmt: skip
        ids = [pk for pk, _ in rows]
        Outbox.objects.filter(pk__in=ids).update(due_at=database_now(), error="")
        for lane in lanes_of(channel for _, channel in rows):
            wake_on_commit(lane)
    return len(ids)


def _known_people(message_ids: Sequence[int]) -> list[Outbox]:
    return list(Outbox.objects.filter(pk__in=message_ids).order_by("pk"))


def _locked(message_ids: Sequence[int], fit: Q) -> list[Outbox]:
    rows = Outbox.objects.select_for_update().filter(fit, pk__in=message_ids)
    return list(rows.order_by("pk"))


def _note(rows: Sequence[Outbox], verb: str, actor: Any) -> None:
    if rows:
        audit.record(actor, verb, rows[0], after={"messages": [row.pk for row in rows]})

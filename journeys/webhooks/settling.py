"""What an attempt's end does: to the message, to the endpoint, to those who wait for it."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from csplatform.customers.operations.events import EventInput, record_events
from csplatform.kit.clock import database_now
from csplatform.kit.errors import DomainError
from journeys.emails.sending_checks import Cancel
from journeys.webhooks import claims
from journeys.webhooks.call import Call
from journeys.webhooks.checks import may_resend
from journeys.webhooks.delivery import Ended
from journeys.webhooks.endpoints import note_failure, note_success, switch_off_gone
from journeys.webhooks.schedule import retry_seconds

log = logging.getLogger(__name__)
DELIVERED = "webhook.delivered"
FAILED = "webhook.failed"
GONE = 410


def finish(call: Call, worker: int, ended: Ended, *, counted: bool = True) -> None:
    """Note how an attempt ended.

    Args:
        counted: False when it was cut short by us: the message is due again at once and neither
            it nor the endpoint is blamed.
    """
    now = database_now()
    if not counted:
        claims.settle(call, worker, state="pending", due_at=now, counted=False)
        return
    answer = _answer(ended, now)
    if ended.delivered:
        _end(call, worker, DELIVERED, {"status": ended.status}, state="sent", answer=answer)
        note_success(call.endpoint_id)
        return
    seconds = retry_seconds(call.attempts + 1, ended.retry_after)
    if ended.status == GONE or seconds is None or call.is_test:
        facts = {"status": ended.status, "reason": ended.words}
        _end(call, worker, FAILED, facts, state="dead", error=ended.words, answer=answer)
    else:
        due_at = now + timedelta(seconds=seconds)
        claims.settle(
            call, worker, state="pending", due_at=due_at, error=ended.words, answer=answer
        )
    if ended.status == GONE:
        switch_off_gone(call.endpoint_id)
    else:
        note_failure(call.endpoint_id, now, ended.retry_after)


def _answer(ended: Ended, now: datetime) -> dict[str, Any]:
    """What the desk shows of it."""
    return {"status": ended.status, "text": ended.text, "error": ended.error,
            "at": now.isoformat()}  # fmt: skip


def _end(call: Call, worker: int, event: str, facts: dict[str, Any], **how: Any) -> None:
    """The message is through, and who waits for it hears of it: both or neither.

    Events first, then the row: people are locked before messages everywhere.
    """
    with transaction.atomic():
        _record([_event(call, event, facts)] if call.participant_id else [])
        if not claims.settle(call, worker, **how):
            transaction.set_rollback(True)  # swept meanwhile: its next attempt will say


def give_up_unsent(calls: Sequence[Call], verdict: Cancel) -> None:
    """Messages that are not sent. Where only the endpoint stood in the way, flows that wait for
    them hear that they failed; a run that was taken back waits for nothing."""
    resend = may_resend(verdict)
    facts = {"status": 0, "reason": verdict.reason}
    with transaction.atomic():
        _record([_event(call, FAILED, facts) for call in calls if resend and call.participant_id])
        ids = [call.id for call in calls]
        claims.end_unsent(ids, state="cancelled", error=verdict.reason, may_resend=resend)


def _event(call: Call, name: str, facts: dict[str, Any]) -> EventInput:
    return EventInput(
        name=name, person_id=call.person_id, company_id=call.company_id, ref=call.id,
        passive=True, message_id=f"{name}:{call.id}:{call.attempts}",
        properties={
            "endpoint": call.endpoint_id,
            "type": call.payload.get("type"),
            "program": call.program_id,
            "step": call.step_key,
            **facts,
        },
    )  # fmt: skip


def _record(events: Sequence[EventInput]) -> None:
    """Record them; whom an event is about may be gone, which must not keep a message in hand."""
    try:
        with transaction.atomic():
            record_events(events)
    except DomainError as error:
        log.warning("webhook event not recorded", extra={"error": str(error)})

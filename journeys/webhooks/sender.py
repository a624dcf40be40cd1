"""The sending of webhooks: each at least once, none held up by another one's receiver (REL-02).

Requests run in threads, which know no database; claiming, checking and settling happen in the one
thread that has it, each in a transaction of its own, so that no transaction waits for a network.
A crash at any point leads to the same message being sent again under the same id.
"""

import logging
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta

from django.db import transaction

from csplatform.kit.clock import database_now
from journeys.emails.claims import sender_lock
from journeys.emails.sending_checks import Postpone
from journeys.webhooks import claims
from journeys.webhooks.body import make_bodies
from journeys.webhooks.call import CHANNEL, Call
from journeys.webhooks.checks import verdicts
from journeys.webhooks.delivery import Attempt, Ended, deliver
from journeys.webhooks.endpoints import Endpoint, load_endpoints
from journeys.webhooks.settling import finish, give_up_unsent

log = logging.getLogger(__name__)
THREADS = 64
REQUEST_SECONDS = 10.0
BATCH_SECONDS = 12.0
LEAST_SECONDS = 2.0
LOOK_SECONDS = 0.2
BATCH = 500


def pending() -> bool:
    """Whether a webhook is due or a sender died."""
    return claims.has_due(database_now()) or bool(claims.workers_in_hand(CHANNEL))


def run_batch(limit: int = BATCH) -> int:
    """Send for at most 12 seconds or so many messages. Returns how many were moved.

    While requests are under way, what comes in for other endpoints is started beside them.
    """
    sweep()
    with sender_lock() as worker, ThreadPoolExecutor(THREADS) as pool:
        batch = _Batch(worker, pool)
        batch.start_due(limit)
        while batch.under_way:
            batch.settle_done()
            batch.start_due(limit)
    return batch.moved


class _Batch:
    """What one sender has in hand."""

    def __init__(self, worker: int, pool: ThreadPoolExecutor) -> None:
        self.worker, self.pool = worker, pool
        self.ends_at = time.monotonic() + BATCH_SECONDS
        self.under_way: dict[Future[Ended], tuple[Call, float]] = {}
        self.moved = 0

    def start_due(self, limit: int) -> None:
        """Claim for endpoints that have nothing under way, and start the requests."""
        room = min(THREADS - len(self.under_way), limit - self.moved)
        if room <= 0 or self.ends_at - time.monotonic() < LEAST_SECONDS:
            return
        now = database_now()
        busy = {call.endpoint_id for call, _ in self.under_way.values()}
        calls = claims.claim(self.worker, now, room=room, busy=busy)
        if not calls:
            return
        self.moved += len(calls)
        endpoints = load_endpoints({call.endpoint_id for call in calls}, now)
        ready = _prepared(_checked(calls, endpoints, now), endpoints)
        for call, body in _begun(self.worker, ready, endpoints, now):
            self.start(call, body, endpoints[call.endpoint_id])

    def start(self, call: Call, body: str, endpoint: Endpoint) -> None:
        """Hand one to a thread. Late ones get what is left of the batch's time."""
        seconds = min(REQUEST_SECONDS, self.ends_at - time.monotonic())
        attempt = Attempt(
            call.key, endpoint.url, endpoint.secrets, endpoint.headers, body.encode(), seconds
        )
        self.under_way[self.pool.submit(deliver, attempt)] = (call, seconds)

    def settle_done(self) -> None:
        """Note what has ended; waits a moment for the next."""
        done, _ = wait(self.under_way, timeout=LOOK_SECONDS, return_when=FIRST_COMPLETED)
        for future in done:
            call, seconds = self.under_way.pop(future)
            error = future.exception()
            if error is not None:  # a bug of ours must not stand before all others
                log.error("webhook not sent", exc_info=error, extra={"outbox": call.id})
                ended = Ended(error=f"It could not be sent: {type(error).__name__}.")
            else:
                ended = future.result()
            in_full = seconds >= REQUEST_SECONDS or not ended.timed_out
            finish(call, self.worker, ended, counted=in_full)


def _checked(calls: Sequence[Call], endpoints: dict[int, Endpoint], now: datetime) -> list[Call]:
    """Those that may leave; the others are cancelled or put off."""
    objections = verdicts(calls, endpoints)
    for verdict in set(objections.values()):
        named = [call for call in calls if objections.get(call.id) == verdict]
        if isinstance(verdict, Postpone):
            _put_off(named, now, verdict)
        else:
            give_up_unsent(named, verdict)
    return [call for call in calls if call.id not in objections]


def _put_off(calls: Sequence[Call], now: datetime, verdict: Postpone) -> None:
    claims.release([c.id for c in calls], due_at=now + timedelta(seconds=verdict.seconds),
                   error=verdict.reason)  # fmt: skip


def _prepared(calls: Sequence[Call], endpoints: dict[int, Endpoint]) -> list[tuple[Call, dict]]:
    """With what is to be kept of them; made now unless an earlier attempt did."""
    new = [call for call in calls if "body" not in call.payload]
    try:
        made = make_bodies(new)
    except Exception:
        log.exception("webhook bodies not made", extra={"count": len(new)})
        made = _one_by_one(new)
    return [
        (call, {} if "body" in call.payload else made[call.id])
        for call in calls
        if "body" in call.payload or call.id in made
    ]


def _one_by_one(calls: Iterable[Call]) -> dict[int, dict]:
    """One that trips over a bug of ours must not stand before all others."""
    made: dict[int, dict] = {}
    for call in calls:
        try:
            with transaction.atomic():
                made |= make_bodies([call])
        except Exception as error:
            words = f"It could not be made: {type(error).__name__}: {error}"
            claims.end_unsent([call.id], state="dead", error=words, may_resend=False)
    return made


def _begun(
    worker: int,
    ready: Sequence[tuple[Call, dict]],
    endpoints: dict[int, Endpoint],
    now: datetime,
) -> list[tuple[Call, str]]:
    """Those that were committed as being sent, with their bodies."""
    if not ready:
        return []
    rows = [
        {
            "id": call.id,
            "address": endpoints[call.endpoint_id].name[:254],
            "subject": str(call.payload["type"])[:500],
            "kept": kept,
        }
        for call, kept in ready
    ]
    begun = claims.begin(worker, rows)
    left = [call.id for call, _ in ready if call.id not in begun]
    if left:  # something changed since the batch was checked: the next look decides
        claims.release(left, due_at=now + timedelta(seconds=1), error="")
    return [
        (call, kept.get("body") or call.payload["body"]) for call, kept in ready if call.id in begun
    ]


def sweep() -> int:
    """Look after what dead senders and deleted endpoints left. How many are sent again."""
    again = 0
    for worker in claims.workers_in_hand(CHANNEL):
        with transaction.atomic():
            if claims.is_dead(worker):
                again += claims.bury(worker)
    claims.cancel_orphans()
    if again:
        log.warning("webhooks of a dead sender are sent again", extra={"count": again})
    return again

"""The states of a webhook, in SQL: claimed, begun, settled. One statement per move.

As with mails, a row with `worker` set is in the hand of the sender that holds that advisory lock.
Unlike mails, what a dead sender had begun is sent again, under the same id (REL-02).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from csplatform.kit import sql
from journeys.emails.claims import is_dead, release, workers_in_hand
from journeys.webhooks.call import Call
from journeys.webhooks.schedule import REST_AFTER_FAILURES

AT_ONCE = 8  # requests to one endpoint at the same time
CANCEL_AT_ONCE = 500  # messages of an endpoint that is off: they only get their reason

# Endpoint by endpoint, so that a long queue before one of them is nobody else's. One that failed
# again and again gets a single message after its rest, to see.
_DUE = (
    "SELECT o.id FROM journeys_webhookendpoint e CROSS JOIN LATERAL"
    " (SELECT id FROM journeys_outbox WHERE channel = 'webhook' AND state = 'pending'"
    "   AND worker IS NULL AND (payload ->> 'endpoint')::bigint = e.id AND due_at <= %(now)s"
    "   ORDER BY due_at, id LIMIT CASE WHEN NOT e.is_active THEN %(cancel)s"
    f"   WHEN e.failures >= {REST_AFTER_FAILURES} THEN 1 ELSE {AT_ONCE} END"
    "   {lock}) o"
    " WHERE (e.paused_until IS NULL OR e.paused_until <= %(now)s OR NOT e.is_active)"
    " AND e.id <> ALL(%(busy)s)"
)
_CLAIM = (
    f"WITH chosen AS ({_DUE.format(lock='FOR UPDATE SKIP LOCKED')}"
    " ORDER BY random() LIMIT %(room)s)"
    " UPDATE journeys_outbox o SET worker = %(worker)s FROM chosen WHERE o.id = chosen.id"
    " RETURNING o.id, o.participant_id, o.program_id, o.step_key, o.person_id, o.company_id,"
    " o.attempts, o.payload, o.step_id, o.created_at"
)


def claim(worker: int, now: datetime, *, room: int, busy: Iterable[int] = ()) -> list[Call]:
    """Take due messages of endpoints that are neither resting nor busy; at most `room`."""
    params = {
        "worker": worker, "now": now, "room": room, "busy": list(busy), "cancel": CANCEL_AT_ONCE,
    }  # fmt: skip
    found = sql.rows(_CLAIM, params)
    return sorted((_call(row) for row in found), key=lambda call: call.id)


def _call(row: tuple) -> Call:
    payload = json.loads(row[7]) if isinstance(row[7], str) else row[7]
    values: list[Any] = [*row[:7], payload, *row[8:]]
    return Call(*values)


def has_due(now: datetime) -> bool:
    """Whether a sender has anything to do."""
    params = {"now": now, "busy": [], "cancel": 1}
    return bool(sql.one(f"SELECT EXISTS ({_DUE.format(lock='')})", params))


_BEGIN = (
    "UPDATE journeys_outbox o SET state = 'sending', attempts = o.attempts + 1,"
    " message_id = 'msg_' || o.id, to_address = g.address, subject = g.subject, error = '',"
    " payload = o.payload || g.kept"
    " FROM json_to_recordset(%(rows)s) AS g (id bigint, address text, subject text, kept jsonb)"
    " WHERE o.id = g.id AND o.state = 'pending' AND o.worker = %(worker)s"
    " AND (o.person_id IS NULL OR EXISTS (SELECT FROM customers_person p"
    "  WHERE p.id = o.person_id AND p.merged_into_id IS NULL AND p.erased_at IS NULL))"
    " AND NOT EXISTS (SELECT FROM journeys_program p"
    "  WHERE p.id = o.program_id AND p.state IN ('stopped', 'paused'))"
    " AND NOT EXISTS (SELECT FROM journeys_participant r"
    "  WHERE r.id = o.participant_id AND r.state IN ('unenrolled', 'removed'))"
    " RETURNING o.id"
)


def begin(worker: int, rows: Sequence[Mapping[str, Any]]) -> set[int]:
    """Commit "sending" with what is being sent, and look a last time whether it may leave.

    Args:
        rows: {"id", "address", "subject", "kept"} each.

    Returns the ids that may; of the others something changed since they were checked.
    """
    params = {"rows": json.dumps([dict(row) for row in rows]), "worker": worker}
    return {row[0] for row in sql.rows(_BEGIN, params)}


def settle(
    call: Call,
    worker: int,
    *,
    state: str,
    error: str = "",
    due_at: datetime | None = None,
    answer: Mapping[str, Any] | None = None,
    counted: bool = True,
) -> bool:
    """An attempt ended. False: the message is no longer in our hand.

    Args:
        state: "sent", "dead", or "pending" with the next `due_at`.
        answer: what came back, kept with the message.
        counted: False takes the attempt back: it was not the receiver's fault.
    """
    kept = {"answer": dict(answer)} if answer is not None else {}
    return bool(
        sql.run(
            "UPDATE journeys_outbox SET state = %(state)s, worker = NULL, error = %(error)s,"
            " due_at = coalesce(%(due)s, due_at), attempts = attempts - %(back)s,"
            " sent_at = CASE WHEN %(state)s = 'sent' THEN clock_timestamp() END,"
            " payload = payload || %(kept)s::jsonb"
            " WHERE id = %(id)s AND worker = %(worker)s AND state = 'sending'",
            {"state": state, "error": error, "due": due_at, "back": 0 if counted else 1,
             "kept": json.dumps(kept), "id": call.id, "worker": worker},
        )
    )  # fmt: skip


def end_unsent(ids: Sequence[int], *, state: str, error: str, may_resend: bool) -> None:
    """Claimed messages that will not be sent: "cancelled" or "dead"."""
    sql.run(
        "UPDATE journeys_outbox SET state = %s, worker = NULL, error = %s, payload = payload || %s"
        " WHERE id = ANY(%s) AND state = 'pending'",
        [state, error[:1000], json.dumps({"may_resend": may_resend}), list(ids)],
    )


def bury(worker: int) -> int:
    """Set free what a dead sender held; what it had begun is due again. How many of those."""
    begun = sql.run(
        "UPDATE journeys_outbox SET state = 'pending', worker = NULL, due_at = clock_timestamp(),"
        " error = 'The sender died while it was sending this. It is sent again, with the same id.'"
        " WHERE worker = %s AND state = 'sending'",
        [worker],
    )
    sql.run("UPDATE journeys_outbox SET worker = NULL WHERE worker = %s", [worker])
    return begun


def cancel_orphans() -> int:
    """Messages whose endpoint was deleted meanwhile."""
    return sql.run(
        "UPDATE journeys_outbox o SET state = 'cancelled', error = 'The endpoint was deleted.'"
        " WHERE channel = 'webhook' AND state = 'pending' AND worker IS NULL AND NOT EXISTS"
        " (SELECT FROM journeys_webhookendpoint e WHERE e.id = (o.payload ->> 'endpoint')::bigint)"
    )


__all__ = ["begin", "bury", "cancel_orphans", "claim", "end_unsent", "has_due",
           "is_dead", "release", "settle", "workers_in_hand"]  # fmt: skip

"""The states of a message, in SQL: claimed, begun, settled. One statement per move.

A row with `worker` set is in the hand of the sender that holds that advisory lock. When the lock
is gone the sender is dead: what it had begun is uncertain, what it had only claimed is free
again, what it had sent but not yet noted as an event is noted by the sweep.
"""

import json
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, NamedTuple

from django.db import DatabaseError

from csplatform.kit import sql
from journeys.emails.message import Message

_DUE = (
    "SELECT id FROM journeys_outbox WHERE state = 'pending' AND channel = 'email'"
    " AND worker IS NULL AND {when} ORDER BY due_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED"
)
_CLAIM = (
    f"WITH due AS ({_DUE.format(when='due_at <= %(now)s')}),"
    f" undated AS ({_DUE.format(when='due_at IS NULL')}),"
    " chosen AS (SELECT id FROM due UNION ALL SELECT id FROM undated LIMIT %(limit)s)"
    " UPDATE journeys_outbox o SET worker = %(worker)s FROM chosen WHERE o.id = chosen.id"
    " RETURNING o.id, o.participant_id, o.program_id, o.step_key, o.person_id, o.company_id,"
    " o.attempts, o.payload"
)


class Handed(NamedTuple):
    """A message that was handed over, under this Message-ID."""

    id: int
    message_id: str


@contextmanager
def sender_lock() -> Iterator[int]:
    """A key that is alive as long as this database session; drawn anew for each batch."""
    key = secrets.randbits(62)
    sql.rows("SELECT pg_advisory_lock(%s)", [key])
    try:
        yield key
    except Exception:
        # The batch broke off: give up the key, so that the sweep looks at what was left.
        with suppress(DatabaseError):  # the session may be gone, and the lock with it
            sql.rows("SELECT pg_advisory_unlock(%s)", [key])
        raise
    sql.rows("SELECT pg_advisory_unlock(%s)", [key])


def claim(worker: int, now: datetime, limit: int) -> list[Message]:
    """Take due messages, in order. Two senders never take the same one."""
    found = sql.rows(_CLAIM, {"worker": worker, "now": now, "limit": limit})
    return sorted((_message(row) for row in found), key=lambda message: message.id)


def _message(row: tuple) -> Message:
    payload = json.loads(row[7]) if isinstance(row[7], str) else row[7]
    values: list[Any] = [*row[:7], payload]
    return Message(*values)


# The one before it was taken by the mail server: said in the same commit.
_TAKEN = (
    "UPDATE journeys_outbox SET state = 'sent', sent_at = clock_timestamp(), worker = %(worker)s,"
    " error = '' WHERE id = %(taken)s AND message_id = %(taken_id)s"
    " AND state IN ('sending', 'uncertain')"
)
_BEGIN = (
    f"WITH taken AS ({_TAKEN}),"
    " person AS (SELECT id FROM customers_person WHERE id = %(person)s"
    "  AND merged_into_id IS NULL AND erased_at IS NULL AND email = %(address)s"
    "  FOR NO KEY UPDATE),"
    " moved AS (UPDATE journeys_outbox SET state = 'sending', attempts = attempts + 1,"
    "  to_address = %(address)s, subject = %(subject)s, message_id = %(message_id)s,"
    "  payload = payload || %(kept)s::jsonb, error = ''"
    "  WHERE id = %(id)s AND state = 'pending' AND worker = %(worker)s"
    "  AND (%(test)s OR EXISTS (SELECT FROM person))"
    "  AND NOT EXISTS (SELECT FROM journeys_program"
    "   WHERE id = %(program)s AND state IN ('stopped', 'paused'))"
    "  AND NOT EXISTS (SELECT FROM journeys_participant"
    "   WHERE id = %(run)s AND state IN ('unenrolled', 'removed'))"
    "  RETURNING id),"
    " noted AS (INSERT INTO journeys_attentionentry (person_id, channel, program_id, outbox_id, at)"
    "  SELECT %(person)s, 'email', %(program)s, id, clock_timestamp() FROM moved"
    "  WHERE NOT %(test)s)"
    " SELECT id FROM moved"
)


def begin(
    message: Message,
    worker: int,
    *,
    address: str,
    subject: str,
    message_id: str,
    kept: dict[str, Any],
    taken: Handed | None = None,
) -> bool:
    """Commit "sending", under the person's lock and with the attention entry; and in the same
    commit that the server took the message before, if it did (a commit costs more than a mail).

    False: something changed since the batch was checked; the message is not to be sent now.
    """
    params = {
        "id": message.id, "worker": worker, "person": message.person_id, "address": address,
        "subject": subject, "message_id": message_id, "kept": json.dumps(kept),
        "test": message.is_test, "program": message.program_id, "run": message.participant_id,
        **_params(taken),
    }  # fmt: skip
    return bool(sql.rows(_BEGIN, params))


def settle_sent(taken: Handed, worker: int) -> None:
    """The mail server took it. Stays in hand until its event is recorded."""
    sql.run(_TAKEN, {"worker": worker, **_params(taken)})


def _params(taken: Handed | None) -> dict[str, Any]:
    return {"taken": taken and taken.id, "taken_id": taken and taken.message_id}


def settle_uncertain(message: Message, error: str) -> None:
    """Nobody knows whether the mail server took it."""
    sql.run(
        "UPDATE journeys_outbox SET state = 'uncertain', worker = NULL, error = %s"
        " WHERE id = %s AND state = 'sending'",
        [error, message.id],
    )


def settle_refused(message: Message, *, retry_at: datetime | None, error: str) -> None:
    """The mail server certainly did not take it: try again at `retry_at`, or None for never.

    The attention entry goes too: the person was not addressed.
    """
    sql.run(
        "WITH moved AS (UPDATE journeys_outbox SET worker = NULL, error = %(error)s,"
        "  state = CASE WHEN %(at)s::timestamptz IS NULL THEN 'dead' ELSE 'pending' END,"
        "  due_at = coalesce(%(at)s, due_at)"
        "  WHERE id = %(id)s AND state IN ('pending', 'sending') RETURNING id)"
        " DELETE FROM journeys_attentionentry a USING moved"
        " WHERE a.person_id = %(person)s AND a.outbox_id = moved.id",
        {"at": retry_at, "error": error, "id": message.id, "person": message.person_id},
    )


def release(ids: Sequence[int], *, due_at: datetime, error: str) -> None:
    """Put claimed messages back, not to be looked at before `due_at`."""
    sql.run(
        "UPDATE journeys_outbox SET worker = NULL, due_at = %s, error = %s"
        " WHERE id = ANY(%s) AND state = 'pending'",
        [due_at, error, list(ids)],
    )


def cancel(reasons: Iterable[tuple[int, str]]) -> None:
    """Claimed messages that may not leave, each with its reason."""
    pairs = sorted(reasons)
    if not pairs:
        return
    ids, texts = zip(*pairs, strict=True)
    sql.run(
        "UPDATE journeys_outbox o SET state = 'cancelled', worker = NULL, error = u.reason"
        " FROM unnest(%s::bigint[], %s::text[]) AS u (id, reason)"
        " WHERE o.id = u.id AND o.state = 'pending'",
        [list(ids), list(texts)],
    )


def has_due(now: datetime) -> bool:
    """Whether a sender has anything to do."""
    return bool(
        sql.one(
            "SELECT EXISTS (SELECT FROM journeys_outbox WHERE state = 'pending'"
            " AND channel = 'email' AND worker IS NULL AND due_at <= %s)"
            " OR EXISTS (SELECT FROM journeys_outbox WHERE state = 'pending'"
            " AND channel = 'email' AND worker IS NULL AND due_at IS NULL)",
            [now],
        )
    )


def workers_in_hand(channel: str = "email") -> list[int]:
    """Keys of all senders that hold messages of a channel, dead or alive."""
    found = sql.rows(
        "SELECT DISTINCT worker FROM journeys_outbox WHERE worker IS NOT NULL AND channel = %s",
        [channel],
    )
    return [row[0] for row in found]


def is_dead(worker: int) -> bool:
    """Whether nobody holds the lock; keeps it until the end of the transaction if so."""
    return bool(sql.one("SELECT pg_try_advisory_xact_lock(%s)", [worker]))


def bury(worker: int) -> int:
    """What a dead sender left: begun messages become uncertain, claimed ones are free again."""
    lost = sql.run(
        "UPDATE journeys_outbox SET state = 'uncertain', worker = NULL, error = %s"
        " WHERE worker = %s AND state = 'sending'",
        ["The sender died while it was handing this mail over. It may have arrived.", worker],
    )
    sql.run(
        "UPDATE journeys_outbox SET worker = NULL WHERE worker = %s AND state = 'pending'",
        [worker],
    )
    return lost


def sent_in_hand(worker: int) -> list[tuple]:
    """(id, person, company, program, step key, template, attempt, test) of sent ones that have
    no event yet."""
    return sql.rows(
        "SELECT id, person_id, company_id, program_id, step_key, payload->'template', attempts,"
        " payload ? 'to', sent_at FROM journeys_outbox WHERE worker = %s AND state = 'sent'"
        " ORDER BY id",
        [worker],
    )


def let_go(ids: Sequence[int], worker: int) -> None:
    """Their events are recorded."""
    sql.run(
        "UPDATE journeys_outbox SET worker = NULL WHERE id = ANY(%s) AND worker = %s",
        [list(ids), worker],
    )

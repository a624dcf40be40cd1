"""Subscribed events meet the participants that wait for them."""

from django.db import transaction

from csplatform.kit import sql
from csplatform.kit.clock import database_now
from journeys.engine.advance import advance_locked, lock_subjects

CONSUMER = "journeys"
BATCH = 1000
# Waiting or about to: an event that comes while the wait is being armed counts as well.
WAITING = "p.phase IN ('waiting', 'arming') AND p.ended_at IS NULL"


def pending() -> bool:
    """Whether any event waits to be looked at."""
    return bool(
        sql.one(
            "SELECT EXISTS (SELECT 1 FROM customers_eventinbox WHERE consumer = %s)", [CONSUMER]
        )
    )


def run_batch() -> int:
    """Take a batch of events, advance whoever waits for them, delete them: all or nothing.

    An event whose participant somebody else has in hand stays in the inbox for the next pass.
    """
    with transaction.atomic():
        events = sql.rows(
            "SELECT id, name_id, person_id, company_id, ref FROM customers_eventinbox"
            " WHERE consumer = %s ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED",
            [CONSUMER, BATCH],
        )
        if not events:
            return 0
        matches = _matches([row[0] for row in events])
        busy: set[int] = set()
        if matches:
            waiting = sorted({participant for _, participant in matches})
            lock_subjects(waiting)
            busy = set(waiting) - _lockable(waiting)
            advance_locked(waiting, WAITING, database_now())
        held = {inbox_id for inbox_id, participant in matches if participant in busy}
        done = [row[0] for row in events if row[0] not in held]
        sql.run("DELETE FROM customers_eventinbox WHERE id = ANY(%s)", [done])
    return len(done)


def _lockable(ids: list[int]) -> set[int]:
    """Those that we can have now; they stay locked until the end of the transaction."""
    found = sql.rows(
        "SELECT id FROM journeys_participant WHERE id = ANY(%s) ORDER BY id FOR UPDATE SKIP LOCKED",
        [ids],
    )
    return {row[0] for row in found}


def _matches(inbox_ids: list[int]) -> list[tuple[int, int]]:
    """(inbox row, participant) pairs: same event, same subject, and the ref that is waited for."""
    return sql.rows(
        "SELECT i.id, w.participant_id FROM customers_eventinbox i JOIN journeys_wait w"
        " ON w.name_id = i.name_id AND w.person_id = i.person_id AND w.ref IN (0, i.ref)"
        " WHERE i.id = ANY(%(ids)s)"
        " UNION SELECT i.id, w.participant_id FROM customers_eventinbox i JOIN journeys_wait w"
        " ON w.name_id = i.name_id AND w.company_id = i.company_id AND w.ref IN (0, i.ref)"
        " WHERE i.id = ANY(%(ids)s)",
        {"ids": inbox_ids},
    )

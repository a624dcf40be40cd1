"""Subscribed events meet the participants that wait for them."""

import logging

from django.db import transaction

from csplatform.kit import sql
from csplatform.kit.clock import database_now
from csplatform.kit.jobs import NOBODYS_FAULT
from journeys.engine.advance import WAITING, advance_locked, lock_subjects

log = logging.getLogger(__name__)
CONSUMER = "journeys"
BATCH = 1000
# How long an event that came too late is still noted.
LATE_DAYS = 30


def pending() -> bool:
    """Whether any event waits to be looked at."""
    return bool(
        sql.one(
            "SELECT EXISTS (SELECT 1 FROM customers_eventinbox WHERE consumer = %s)", [CONSUMER]
        )
    )


def run_batch() -> int:
    """Take a batch of events, advance whoever waits for them, delete them: all or nothing.

    An event whose participant somebody else has in hand stays in the inbox for the next pass. A
    batch that cannot be worked off as a whole only makes its participants due.
    """
    try:
        with transaction.atomic():
            return _meet()
    except NOBODYS_FAULT:
        raise
    except Exception:
        log.exception("inbox batch failed")
    with transaction.atomic():
        return _make_due()


def _claim() -> list[int]:
    found = sql.rows(
        "SELECT id FROM customers_eventinbox"
        " WHERE consumer = %s ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED",
        [CONSUMER, BATCH],
    )
    return [row[0] for row in found]


def _meet() -> int:
    events = _claim()
    if not events:
        return 0
    matches = _matches(events)
    busy: set[int] = set()
    if matches:
        waiting = sorted({participant for _, participant in matches})
        lock_subjects(waiting)
        busy = set(waiting) - _lockable(waiting)
        advance_locked(waiting, WAITING, database_now())
    held = {inbox_id for inbox_id, participant in matches if participant in busy}
    done = [inbox_id for inbox_id in events if inbox_id not in held]
    _note_late(done)
    sql.run("DELETE FROM customers_eventinbox WHERE id = ANY(%s)", [done])
    return len(done)


def _make_due() -> int:
    """Instead: whoever waits for these events looks at history, where they are; the claim of due
    participants knows how to find the one that cannot be advanced."""
    events = _claim()
    waiting = sorted({participant for _, participant in _matches(events)})
    sql.run(
        "UPDATE journeys_participant SET due_at = clock_timestamp(), phase = 'arming'"
        " WHERE id IN (SELECT p.id FROM journeys_participant p WHERE p.id = ANY(%s)"
        f" AND p.state = 'active' AND {WAITING} ORDER BY p.id FOR UPDATE)",
        [waiting],
    )
    _note_late(events)
    sql.run("DELETE FROM customers_eventinbox WHERE id = ANY(%s)", [events])
    return len(events)


def _lockable(ids: list[int]) -> set[int]:
    """Those that we can have now; they stay locked until the end of the transaction."""
    found = sql.rows(
        "SELECT id FROM journeys_participant WHERE id = ANY(%s) ORDER BY id FOR UPDATE SKIP LOCKED",
        [ids],
    )
    return {row[0] for row in found}


def _met(columns: str, which: str) -> str:
    """Inbox rows `i` of %(ids)s with waits `w`: same event, same subject, the ref waited for."""
    one = (
        f"SELECT {columns} FROM customers_eventinbox i JOIN journeys_wait w"
        " ON w.name_id = i.name_id AND w.{subject} = i.{subject} AND w.ref IN (0, i.ref)"
        f" AND w.closed_at {which} WHERE i.id = ANY(%(ids)s)"
    )
    return " UNION ".join(one.replace("{subject}", name) for name in ("person_id", "company_id"))


def _matches(inbox_ids: list[int]) -> list[tuple[int, int]]:
    """(inbox row, participant) pairs of those who wait."""
    return sql.rows(_met("i.id, w.participant_id", "IS NULL"), {"ids": inbox_ids})


def _note_late(inbox_ids: list[int]) -> None:
    """Say in the feed of those who went on at the limit that the event came after all; once."""
    met = _met("w.id, i.id AS inbox_id, i.name_id, i.ref, i.occurred_at", "IS NOT NULL")
    sql.run(
        f"WITH late AS (SELECT DISTINCT ON (m.id) * FROM ({met}) m ORDER BY m.id, m.inbox_id),"
        " mine AS (SELECT id FROM journeys_wait WHERE id IN (SELECT id FROM late)"
        "  ORDER BY id FOR UPDATE),"
        " gone AS (DELETE FROM journeys_wait WHERE id IN (SELECT id FROM mine)"
        "  RETURNING id, participant_id, step_id, visit, closed_at)"
        " INSERT INTO journeys_transition (participant_id, program_id, version_id, amendment,"
        "  step_id, visit, kind, exit, evidence, occurred_at, recorded_at)"
        " SELECT p.id, p.program_id, p.version_id, 0, g.step_id, g.visit, 'late', '',"
        "  jsonb_build_object('event', n.name, 'ref', l.ref, 'happened', l.occurred_at,"
        "   'decided', g.closed_at), clock_timestamp(), clock_timestamp()"
        " FROM gone g JOIN late l ON l.id = g.id JOIN journeys_participant p"
        "  ON p.id = g.participant_id JOIN customers_eventname n ON n.id = l.name_id"
        " ORDER BY g.id",  # the feed tells them in the order in which they were waited for
        {"ids": inbox_ids},
    )


def purge_closed() -> int:
    """Stop listening for what is long too late; how many waits went (periodic chore)."""
    return sql.run(
        "DELETE FROM journeys_wait WHERE closed_at < now() - make_interval(days => %s)",
        [LATE_DAYS],
    )

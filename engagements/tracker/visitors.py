"""Visitor rows: found or made, tied to a person, their anonymous history handed over."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from csplatform.freshness.touches import touch_rows
from csplatform.kit import sql
from csplatform.kit.jobs import wake_on_commit

FRESHNESS = "freshness"
# `last_seen_at` is for people to read; rewriting the row on each request would buy nothing.
SEEN_SECONDS = 60


@dataclass(frozen=True, slots=True)
class VisitorRow:
    """A visitor as stored."""

    id: int
    person_id: int | None
    company_id: int | None
    last_seen_at: datetime


# Who records holds a share of the row, who identifies has it alone: so an event is either handed
# over by the identify of another tab, or recorded for the person right away.
_FIND = (
    "SELECT id, person_id, company_id, last_seen_at FROM engagements_visitor"
    " WHERE source_id = %s AND anonymous_id = %s FOR "
)


def find_or_make(source_id: int, anonymous_id: UUID, now: datetime, *, alone: bool) -> VisitorRow:
    """The visitor of an anonymous id, locked; two first calls at once give the same row.

    Args:
        alone: the batch may say who the visitor is.
    """
    find = _FIND + ("UPDATE" if alone else "KEY SHARE")
    found = sql.rows(find, [source_id, anonymous_id])
    if not found:
        sql.run(
            "INSERT INTO engagements_visitor"
            " (source_id, anonymous_id, consent, first_seen_at, last_seen_at)"
            " VALUES (%s, %s, 'granted', %s, %s)"
            " ON CONFLICT (source_id, anonymous_id) DO NOTHING",
            [source_id, anonymous_id, now, now],
        )
        found = sql.rows(find, [source_id, anonymous_id])
    return VisitorRow(*found[0])


def mark_seen(visitor: VisitorRow, now: datetime) -> None:
    """Advance `last_seen_at`, at most once a minute."""
    if (now - visitor.last_seen_at).total_seconds() > SEEN_SECONDS:
        sql.run(
            "UPDATE engagements_visitor SET last_seen_at = %s WHERE id = %s AND last_seen_at < %s",
            [now, visitor.id, now],
        )


def tie(visitor: VisitorRow, person_id: int, company_id: int | None, now: datetime) -> None:
    """Say who the visitor is, and hand over what was recorded before. Idempotent."""
    if visitor.person_id == person_id and company_id in (None, visitor.company_id):
        return
    sql.run(
        "UPDATE engagements_visitor SET person_id = %s, company_id = COALESCE(%s, company_id),"
        " identified_at = COALESCE(identified_at, %s) WHERE id = %s",
        [person_id, company_id, now, visitor.id],
    )
    if visitor.person_id is None:
        hand_over(visitor.id, person_id)


# Adopted events are news to rules and waits about the person: they get their inbox rows now.
_HAND_OVER = """
WITH moved AS (
    UPDATE customers_event e SET person_id = %(person)s,
        company_id = COALESCE(e.company_id, (SELECT m.company_id FROM customers_membership m
                                             WHERE m.person_id = %(person)s AND m.is_primary))
    WHERE e.visitor_id = %(visitor)s AND e.person_id IS NULL
    RETURNING e.id, e.name_id, e.company_id, e.ref, e.occurred_at, e.recorded_at
), inbox AS (
    INSERT INTO customers_eventinbox
        (consumer, event_id, name_id, person_id, company_id, ref, occurred_at, recorded_at)
    SELECT s.consumer, m.id, m.name_id, %(person)s, m.company_id, m.ref, m.occurred_at,
           m.recorded_at
    FROM moved m JOIN customers_eventsubscription s ON s.name_id = m.name_id
    WHERE s.consumer <> %(freshness)s ORDER BY m.id
), counted AS (
    INSERT INTO customers_personactivity AS a (person_id, first_seen_at, last_seen_at, event_count)
    SELECT %(person)s, min(occurred_at), max(occurred_at), count(*) FROM moved
    HAVING count(*) > 0
    ON CONFLICT (person_id) DO UPDATE SET
        first_seen_at = LEAST(a.first_seen_at, excluded.first_seen_at),
        last_seen_at = GREATEST(a.last_seen_at, excluded.last_seen_at),
        event_count = a.event_count + excluded.event_count
)
SELECT DISTINCT n.name, m.company_id FROM moved m JOIN customers_eventname n ON n.id = m.name_id
JOIN customers_eventsubscription s ON s.name_id = n.id AND s.consumer = %(freshness)s
"""


def hand_over(visitor_id: int, person_id: int) -> None:
    """Give a visitor's anonymous events to the person. Constant number of queries."""
    rows = sql.rows(
        _HAND_OVER, {"visitor": visitor_id, "person": person_id, "freshness": FRESHNESS}
    )
    touch_rows(
        (subject, subject_id, f"event.{name}")
        for name, company_id in rows
        for subject, subject_id in (("person", person_id), ("company", company_id))
        if subject_id is not None
    )
    wake_on_commit("live")


def follow_merge(winner_id: int, loser_id: int, moment: datetime) -> None:
    """After a merge of people, visitors of the loser are the winner's."""
    sql.run(
        "UPDATE engagements_visitor SET person_id = %s WHERE person_id = %s",
        [winner_id, loser_id],
    )

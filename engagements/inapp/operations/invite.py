"""Inviting participants: what the program step does, for a whole batch (ENG-08)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from csplatform.customers.operations.events import EventInput, record_events
from csplatform.kit import sql

SEQUENCE = "engagements_invitation_id_seq"


@dataclass(frozen=True, slots=True)
class Guest:
    """A person to invite, for a participant.

    Attributes:
        failure: why it cannot be; "" invites it.
        addressee: the person again where a company's step addresses it; 0 where the participant is
            the person. It stays when people are merged, so that each keeps an invitation.
    """

    participant_id: int
    person_id: int
    visit: int
    failure: str = ""
    addressee: int = 0

    @property
    def key(self) -> "GuestKey":
        """By what its invitation is found again."""
        return self.participant_id, self.addressee


GuestKey = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Invited:
    """What came of it. `state` is open, viewed, completed or failed."""

    invitation_id: int
    state: str


def invite(
    guests: Sequence[Guest],
    *,
    engagement_id: int,
    program_id: int,
    step_id: int,
    step_key: str,
    remembers: bool,
    now: datetime,
) -> dict[GuestKey, Invited]:
    """Make the invitations of a batch, by participant and addressee; five statements at most.

    Whoever viewed or completed the engagement before, as another participant, has done so again
    at once (with `remembers`). Failures and such memories are recorded as events about the new
    invitation, so that waits behind the step find them. May run twice.
    """
    if not guests:
        return {}
    people = {guest.person_id for guest in guests if not guest.failure}
    history = _history(engagement_id, people) if remembers else {}
    ids = sql.next_ids(SEQUENCE, len(guests))
    rows = [
        _row(guest, invitation_id, history.get(guest.person_id, (None, None)))
        for guest, invitation_id in zip(guests, ids, strict=True)
    ]
    made = _insert(rows, engagement_id, program_id, step_id, step_key, now)
    record_events(list(_events(rows, made, engagement_id)), moment=now)
    return _found(rows, made, step_id)


@dataclass(frozen=True, slots=True)
class _Row:
    guest: Guest
    id: int
    state: str
    viewed_at: datetime | None
    completed_at: datetime | None


def _history(
    engagement_id: int, people: Iterable[int]
) -> dict[int, tuple[datetime | None, datetime | None]]:
    """When each person first viewed and completed the engagement."""
    found = sql.rows(
        "SELECT person_id, min(viewed_at), min(completed_at) FROM engagements_invitation"
        " WHERE engagement_id = %s AND person_id = ANY(%s) AND viewed_at IS NOT NULL"
        " GROUP BY person_id",
        [engagement_id, sorted(people)],
    )
    return {person_id: (viewed, completed) for person_id, viewed, completed in found}


def _row(guest: Guest, id_: int, before: tuple[datetime | None, datetime | None]) -> _Row:
    if guest.failure:
        return _Row(guest, id_, "failed", None, None)
    viewed, completed = before
    state = "completed" if completed else "viewed" if viewed else "open"
    return _Row(guest, id_, state, viewed, completed)


_INSERT = """
INSERT INTO engagements_invitation (id, engagement_id, person_id, participant_id, program_id,
    step_id, step_key, visit, addressee, state, reason, created_at, viewed_at, completed_at,
    closed_at)
SELECT x.id, %(engagement)s, x.person_id, x.participant_id, %(program)s, %(step)s, %(key)s, x.visit,
    x.addressee, x.state, x.reason, %(now)s, x.viewed_at, x.completed_at,
    CASE x.state WHEN 'failed' THEN %(now)s::timestamptz END
FROM unnest(%(ids)s::bigint[], %(people)s::bigint[], %(participants)s::bigint[],
    %(visits)s::int[], %(states)s::text[], %(reasons)s::text[], %(viewed)s::timestamptz[],
    %(completed)s::timestamptz[], %(addressees)s::bigint[])
    AS x(id, person_id, participant_id, visit, state, reason, viewed_at, completed_at, addressee)
ORDER BY x.id
ON CONFLICT (participant_id, step_id, visit, addressee) DO NOTHING RETURNING id
"""


def _insert(
    rows: list[_Row], engagement_id: int, program_id: int, step_id: int, key: str, now: datetime
) -> set[int]:
    """Ids of those that are new."""
    found = sql.rows(
        _INSERT,
        {
            "engagement": engagement_id, "program": program_id, "step": step_id, "key": key,
            "now": now,
            "ids": [r.id for r in rows],
            "people": [r.guest.person_id for r in rows],
            "participants": [r.guest.participant_id for r in rows],
            "visits": [r.guest.visit for r in rows],
            "states": [r.state for r in rows],
            "reasons": [r.guest.failure[:200] for r in rows],
            "viewed": [r.viewed_at for r in rows],
            "completed": [r.completed_at for r in rows],
            "addressees": [r.guest.addressee for r in rows],
        },
    )  # fmt: skip
    return {row[0] for row in found}


def _events(rows: list[_Row], made: set[int], engagement_id: int) -> Iterable[EventInput]:
    for row in rows:
        if row.id not in made or row.state == "open":
            continue
        properties: dict[str, object] = {"engagement": engagement_id}
        names = ["engagement.failed"]
        if row.state == "failed":
            properties["reason"] = row.guest.failure
        else:
            names = ["engagement.viewed"] + ["engagement.completed"] * bool(row.completed_at)
            properties["from_history"] = True
        for name in names:
            yield EventInput(
                name, person_id=row.guest.person_id, ref=row.id, properties=properties, passive=True
            )


def _found(rows: list[_Row], made: set[int], step_id: int) -> dict[GuestKey, Invited]:
    """New invitations, and the earlier ones of those who were invited at this visit already."""
    invited = {r.guest.key: Invited(r.id, r.state) for r in rows if r.id in made}
    missing = [r.guest for r in rows if r.guest.key not in invited]
    if missing:
        for participant_id, addressee, invitation_id, state in sql.rows(
            "SELECT i.participant_id, i.addressee, i.id, i.state FROM engagements_invitation i"
            " JOIN unnest(%s::bigint[], %s::int[], %s::bigint[])"
            " AS x(participant, visit, addressee) ON i.participant_id = x.participant"
            " AND i.visit = x.visit AND i.addressee = x.addressee WHERE i.step_id = %s",
            [
                [g.participant_id for g in missing],
                [g.visit for g in missing],
                [g.addressee for g in missing],
                step_id,
            ],
        ):
            invited[participant_id, addressee] = Invited(invitation_id, state)
    return invited

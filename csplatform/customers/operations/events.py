"""Recording events: the hot path, hand-written SQL for whole batches."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from csplatform.customers.operations.arrays import int_array, json_list, time_array
from csplatform.freshness.touches import touch_rows
from csplatform.kit import sql
from csplatform.kit.errors import DomainError, Problem
from csplatform.kit.jobs import wake_on_commit

# Shared by every writer of events, taken alone by a new subscription: so an event that commits
# after the subscription always finds it.
INGEST_LOCK = 7_215_010
# Consumer whose subscriptions become touches of the freshness loop and not inbox rows.
FRESHNESS = "freshness"
MAX_NAME = 200
# For how long a message id is known again: the tracker's back-dating window, and some days.
REPEATED_DAYS = 35
MAX_MESSAGE_ID = 100


@dataclass(frozen=True, slots=True)
class EventInput:
    """One event to record.

    Attributes:
        company_id: None means the person's primary company.
        ref: the message, showing or invitation that it is about; 0 is none.
        occurred_at: None means now.
        message_id: the sender's own id; the same one from the same source is taken once.
        passive: something was done to them (a mail was sent); it says nothing of their activity.
    """

    name: str
    person_id: int | None = None
    company_id: int | None = None
    visitor_id: int | None = None
    ref: int = 0
    occurred_at: datetime | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    message_id: str | None = None
    passive: bool = False


@dataclass(frozen=True, slots=True)
class EventResult:
    """What became of one input: "new" with its id, or "duplicate".

    Attributes:
        heard: whether anybody has subscribed to events of its name.
    """

    status: str
    event_id: int | None
    heard: bool = False


def record_events(
    items: Sequence[EventInput],
    *,
    source_id: int | None = None,
    moment: datetime | None = None,
    savepoint: bool = True,
) -> list[EventResult]:
    """Store events with their dedupe, inbox rows, touches and counters: all or nothing.

    Args:
        source_id: where they come from; message ids are unique per source.
        moment: `recorded_at` of the batch; None asks the database.
        savepoint: False inside a transaction that an error ends as a whole.

    A person that was merged away counts as its winner. How old an event may be is the doors'
    business. Raises DomainError with "/<index>/<field>" paths, before anything is written.
    """
    if not items:
        return []
    _check(items)
    properties = _properties_json(items)
    with transaction.atomic(savepoint=savepoint):
        recorded_at = _enter(moment)
        names = _intern_names({item.name for item in items})
        people = _lock_people({item.person_id for item in items if item.person_id}, items)
        batch = [_place(item, names, people, recorded_at) for item in items]
        _check_companies(batch, people)
        results, stored = _insert(items, batch, properties, source_id, recorded_at, names)
        _notify(stored, names)
        active = [row for row in stored if not row.passive]
        _count("company", "company_id", ((row.company_id, row.occurred_at) for row in active))
        _count("person", "person_id", ((row.person_id, row.occurred_at) for row in active))
    return results


def subscribe(names: Iterable[str], consumer: str) -> None:
    """See to it that `consumer` gets an inbox row (or touch) for events of these names.

    Waits for running writers of events only when a subscription is missing. Safe to repeat.
    """
    wanted = set(names)
    known = sql.rows(
        "SELECT n.name FROM customers_eventsubscription s JOIN customers_eventname n"
        " ON n.id = s.name_id WHERE s.consumer = %s AND n.name = ANY(%s)",
        [consumer, list(wanted)],
    )
    missing = sorted(wanted - {row[0] for row in known})
    if not missing:
        return
    with transaction.atomic():
        found = _intern_names(set(missing))
        sql.run("SELECT pg_advisory_xact_lock(%s)", [INGEST_LOCK])
        sql.run(
            "INSERT INTO customers_eventsubscription (name_id, consumer)"
            " SELECT unnest(%s::bigint[]), %s ON CONFLICT DO NOTHING",
            [sorted(row.name_id for row in found.values()), consumer],
        )


def forget_messages() -> int:
    """Forget message ids that no sender repeats any more; how many went (periodic chore)."""
    return sql.run(
        "DELETE FROM customers_eventmessage WHERE recorded_at < now() - make_interval(days => %s)",
        [REPEATED_DAYS],
    )


@dataclass(frozen=True, slots=True)
class _Name:
    name_id: int
    consumers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an event goes: everything but its payload."""

    name: str
    name_id: int
    person_id: int | None
    company_id: int | None
    occurred_at: datetime
    passive: bool


def _check(items: Sequence[EventInput]) -> None:
    problems = []
    for index, item in enumerate(items):
        if not isinstance(item.name, str) or not item.name.strip():
            problems.append(Problem(f"/{index}/name", "An event needs a name.", "missing"))
        elif len(item.name) > MAX_NAME or "\x00" in item.name:
            problems.append(Problem(f"/{index}/name", f"At most {MAX_NAME} characters.", "invalid"))
        if item.message_id is not None and (
            not 0 < len(item.message_id) <= MAX_MESSAGE_ID or "\x00" in item.message_id
        ):
            text = f"A message id has 1 to {MAX_MESSAGE_ID} characters."
            problems.append(Problem(f"/{index}/message_id", text, "invalid"))
        if item.occurred_at is not None and item.occurred_at.tzinfo is None:
            text = "The time needs a time zone."
            problems.append(Problem(f"/{index}/occurred_at", text, "invalid"))
    if problems:
        raise DomainError(problems)


def _properties_json(items: Sequence[EventInput]) -> str:
    """All properties as one JSON list that PostgreSQL takes."""
    try:
        return _json_text([item.properties for item in items])
    except DomainError:
        pass
    for index, item in enumerate(items):  # only to say which one it was
        try:
            _json_text(item.properties)
        except DomainError as error:
            raise DomainError(error.problems[0].message, path=f"/{index}/properties") from None
    raise AssertionError("the whole is bad but no part of it is")


def _json_text(value: Any) -> str:
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise DomainError(f"Not valid JSON: {error}.") from None
    if "\\u0000" in text and _holds_nul(value):
        raise DomainError("It holds a NUL character.")
    return text


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(_holds_nul(key) or _holds_nul(part) for key, part in value.items())
    return isinstance(value, (list, tuple)) and any(_holds_nul(part) for part in value)


def _enter(moment: datetime | None) -> datetime:
    """Take the shared lock; the time of the batch."""
    # Its own statement: what follows must take its snapshot after the lock is held.
    found = sql.rows("SELECT pg_advisory_xact_lock_shared(%s), clock_timestamp()", [INGEST_LOCK])
    return moment or found[0][1]


_NAMES = (
    "SELECT n.name, n.id, array_remove(array_agg(s.consumer ORDER BY s.consumer), NULL)"
    " FROM customers_eventname n LEFT JOIN customers_eventsubscription s ON s.name_id = n.id"
    " WHERE n.name = ANY(%s) GROUP BY n.id"
)


def _intern_names(wanted: set[str]) -> dict[str, _Name]:
    """Ids and subscribers of event names; new names are added."""
    found = sql.rows(_NAMES, [list(wanted)])
    missing = wanted - {row[0] for row in found}
    if missing:
        sql.run(
            "INSERT INTO customers_eventname (name, label)"
            " SELECT unnest(%s::text[]), '' ON CONFLICT DO NOTHING",
            [sorted(missing)],
        )
        found = sql.rows(_NAMES, [list(wanted)])
    return {name: _Name(name_id, tuple(consumers)) for name, name_id, consumers in found}


def _lock_people(ids: set[int], items: Sequence[EventInput]) -> dict[int, tuple[int, int | None]]:
    """Given person id to (living person id, primary company id), safe from a merge meanwhile."""
    if not ids:
        return {}
    # A merge takes these rows FOR UPDATE, so after this nobody can be merged away under us.
    locked = sql.rows(
        "SELECT p.id, COALESCE(p.merged_into_id, p.id), m.company_id FROM customers_person p"
        " LEFT JOIN customers_membership m"
        "  ON m.person_id = COALESCE(p.merged_into_id, p.id) AND m.is_primary"
        " WHERE p.id = ANY(%s) ORDER BY p.id FOR KEY SHARE OF p",
        [list(ids)],
    )
    people = {given: (real, company_id) for given, real, company_id in locked}
    if len(people) < len(ids):
        raise DomainError(
            Problem(f"/{index}/person_id", f"There is no person {item.person_id}.", "unknown")
            for index, item in enumerate(items)
            if item.person_id and item.person_id not in people
        )
    return people


def _place(
    item: EventInput,
    names: dict[str, _Name],
    people: dict[int, tuple[int, int | None]],
    recorded_at: datetime,
) -> _Place:
    person_id, primary = people[item.person_id] if item.person_id else (None, None)
    return _Place(
        item.name,
        names[item.name].name_id,
        person_id,
        item.company_id if item.company_id is not None else primary,
        item.occurred_at or recorded_at,
        item.passive,
    )


def _check_companies(batch: list[_Place], people: dict[int, tuple[int, int | None]]) -> None:
    """Companies that were stated must exist; primary ones do."""
    stated = {row.company_id for row in batch if row.company_id} - {p[1] for p in people.values()}
    if not stated:
        return
    found = sql.rows("SELECT id FROM customers_company WHERE id = ANY(%s)", [list(stated)])
    missing = stated - {row[0] for row in found}
    if missing:
        raise DomainError(
            Problem(f"/{index}/company_id", f"There is no company {row.company_id}.", "unknown")
            for index, row in enumerate(batch)
            if row.company_id in missing
        )


_INSERT = """
WITH given AS MATERIALIZED (
    SELECT x.*, nextval('customers_event_id_seq') AS id
    FROM ROWS FROM (
        unnest(%s::int[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
               %s::timestamptz[]),
        jsonb_array_elements(%s::jsonb),
        jsonb_array_elements_text(%s::jsonb)
    ) WITH ORDINALITY AS x(name_id, person_id, company_id, visitor_id, ref, occurred_at,
                           properties, message_id, place)
), fresh AS (
    INSERT INTO customers_eventmessage (source_id, message_id, recorded_at)
    SELECT %s::int, message_id, %s::timestamptz FROM given
    WHERE message_id IS NOT NULL ORDER BY message_id
    ON CONFLICT (source_id, message_id) DO NOTHING
    RETURNING message_id
), new AS MATERIALIZED (
    SELECT given.* FROM given LEFT JOIN fresh ON fresh.message_id = given.message_id
    WHERE given.message_id IS NULL OR fresh.message_id IS NOT NULL
), stored AS (
    INSERT INTO customers_event (id, name_id, person_id, company_id, visitor_id, source_id, ref,
                                 occurred_at, recorded_at, properties)
    SELECT id, name_id, person_id, company_id, visitor_id, %s::int, ref, occurred_at,
           %s::timestamptz, properties
    FROM new ORDER BY place
), inbox AS (
    INSERT INTO customers_eventinbox (consumer, event_id, name_id, person_id, company_id, ref,
                                      occurred_at, recorded_at)
    SELECT s.consumer, n.id, n.name_id, n.person_id, n.company_id, n.ref, n.occurred_at,
           %s::timestamptz
    FROM new n JOIN customers_eventsubscription s ON s.name_id = n.name_id
    WHERE s.consumer <> %s ORDER BY n.place
)
SELECT place, id FROM new
"""


def _insert(
    items: Sequence[EventInput],
    batch: list[_Place],
    properties: str,
    source_id: int | None,
    recorded_at: datetime,
    names: dict[str, _Name],
) -> tuple[list[EventResult], list[_Place]]:
    """Dedupe, store, fill inboxes. The results in order, and what was stored."""
    # Within a batch the first event of a message counts; the statement sees each message once.
    seen: set[str] = set()
    firsts = []
    for place, item in enumerate(items):
        if item.message_id is None or item.message_id not in seen:
            firsts.append(place)
            if item.message_id is not None:
                seen.add(item.message_id)
    columns = [
        int_array(batch[i].name_id for i in firsts),
        int_array(batch[i].person_id for i in firsts),
        int_array(batch[i].company_id for i in firsts),
        int_array(items[i].visitor_id for i in firsts),
        int_array(items[i].ref for i in firsts),
        time_array(batch[i].occurred_at for i in firsts),
        properties if len(firsts) == len(items) else json_list(items[i].properties for i in firsts),
        json_list(items[i].message_id for i in firsts),
    ]
    rest = [source_id or 0, recorded_at, source_id, recorded_at, recorded_at, FRESHNESS]
    ids = {firsts[place - 1]: event_id for place, event_id in sql.rows(_INSERT, columns + rest)}
    results = [
        EventResult(
            "new" if place in ids else "duplicate",
            ids.get(place),
            bool(names[items[place].name].consumers),
        )
        for place in range(len(items))
    ]
    return results, [batch[place] for place in sorted(ids)]


def _notify(stored: list[_Place], names: dict[str, _Name]) -> None:
    """Touch whom the freshness loop wants to hear of, and wake the lane of the inboxes."""
    touch_rows(
        (subject, subject_id, f"event.{row.name}")
        for row in stored
        if FRESHNESS in names[row.name].consumers
        for subject, subject_id in (("person", row.person_id), ("company", row.company_id))
        if subject_id is not None
    )
    if any(set(names[row.name].consumers) - {FRESHNESS} for row in stored):
        wake_on_commit("live")


def _count(subject: str, column: str, seen: Iterable[tuple[int | None, datetime]]) -> None:
    """Advance the counters of a kind of subject, ids ascending."""
    totals: dict[int, list[datetime]] = defaultdict(list)
    for subject_id, occurred_at in seen:
        if subject_id is not None:
            totals[subject_id].append(occurred_at)
    if not totals:
        return
    ids = sorted(totals)
    table = f"customers_{subject}activity"
    sql.run(
        f"INSERT INTO {table} AS a ({column}, first_seen_at, last_seen_at, event_count)"
        " SELECT i, f, l, c FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[],"
        f" %s::bigint[]) AS x(i, f, l, c) ORDER BY i ON CONFLICT ({column}) DO UPDATE SET"
        " first_seen_at = LEAST(a.first_seen_at, excluded.first_seen_at),"
        " last_seen_at = GREATEST(a.last_seen_at, excluded.last_seen_at),"
        " event_count = a.event_count + excluded.event_count",
        [
            int_array(ids),
            time_array(min(totals[i]) for i in ids),
            time_array(max(totals[i]) for i in ids),
            int_array(len(totals[i]) for i in ids),
        ],
    )

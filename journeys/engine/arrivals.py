"""Events as sources of programs: each one is a candidate, once, within milliseconds (PRG-20).

Events of the names that programs take people by come as inbox rows of a consumer of their own. A
row is deleted in the transaction that lets its subject in, so a worker that dies repeats nothing
and loses nothing.
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from csplatform.customers.operations.events import subscribe
from csplatform.kit import sql
from csplatform.kit.clock import database_now
from csplatform.kit.jobs import NOBODYS_FAULT
from csplatform.rules.properties import filter_holds
from journeys.engine.candidates import Candidate, Entry, entry_of, ids_of
from journeys.engine.entry import enter
from journeys.engine.held import hold_back
from journeys.engine.unenrolling import lock_subjects_of
from journeys.engine.versions import load_versions
from journeys.flow.entry import EntryConfig, EventSource
from journeys.models import Program
from journeys.models.program import ProgramState

log = logging.getLogger(__name__)
CONSUMER = "journeys.entry"
BATCH = 500
MAX_CONTEXT, MAX_TEXT = 100, 2_000


@dataclass(frozen=True)
class Arrival:
    """One event that came in."""

    inbox_id: int
    event_id: int
    name: str
    person_id: int | None
    company_id: int | None
    properties: Mapping[str, Any]


def event_names(entry: EntryConfig) -> list[str]:
    """The events that let people in."""
    return sorted({source.event for source in entry.of_kind(EventSource)})


def listen(entry: EntryConfig) -> None:
    """Ask for inbox rows of the events of an entry, inside the operation that publishes it."""
    if names := event_names(entry):
        subscribe(names, CONSUMER)


def pending() -> bool:
    """Whether any event waits to let somebody in."""
    return bool(
        sql.one(
            "SELECT EXISTS (SELECT 1 FROM customers_eventinbox WHERE consumer = %s)", [CONSUMER]
        )
    )


def run_batch() -> int:
    """Take a batch of events, let their subjects in, delete them: all or nothing. How many.

    A batch that cannot be worked off is taken one by one; an event that cannot be alone is dropped
    with a line in the log, so that it holds up no other.
    """
    try:
        with transaction.atomic():
            return _meet(BATCH)
    except NOBODYS_FAULT:
        raise
    except Exception:
        log.exception("arrivals could not be let in together")
    return _one_by_one()


def _one_by_one() -> int:
    """The first of them alone; dropped when it is the culprit."""
    try:
        with transaction.atomic():
            return _meet(1)
    except NOBODYS_FAULT:
        raise
    except Exception:
        log.exception("an arrival could not be let in")
    with transaction.atomic():
        rows = _claim(1)
        log.error("an arrival was dropped", extra={"events": [row[1] for row in rows]})
        _forget([row[0] for row in rows])
        return len(rows)


def _claim(limit: int) -> list[tuple]:
    return sql.rows(
        "SELECT id, event_id, name_id, person_id, company_id, recorded_at"
        " FROM customers_eventinbox WHERE consumer = %s ORDER BY id LIMIT %s"
        " FOR UPDATE SKIP LOCKED",
        [CONSUMER, limit],
    )


def _forget(ids: list[int]) -> None:
    sql.run("DELETE FROM customers_eventinbox WHERE id = ANY(%s)", [ids])


def _meet(limit: int) -> int:
    rows = _claim(limit)
    if not rows:
        return 0
    arrivals = _read(rows)
    taking = _taking(sorted({arrival.name for arrival in arrivals}))
    found = [
        (program, entry, list(candidates_of(program.type, entry.config, arrivals)))
        for program, entry in taking
    ]
    _lock(found)
    for program, entry, candidates in found:
        _let_in(program, entry, candidates)
    _forget([row[0] for row in rows])
    return len(rows)


def _read(rows: Sequence[tuple]) -> list[Arrival]:
    """The events with their names and properties, in the order in which they came in."""
    names = dict(
        sql.rows(
            "SELECT id, name FROM customers_eventname WHERE id = ANY(%s)",
            [sorted({row[2] for row in rows})],
        )
    )
    told = {
        event_id: json.loads(properties)
        for event_id, properties in sql.rows(
            # both columns: an event's month is told by its moment
            "SELECT e.id, e.properties FROM unnest(%s::bigint[], %s::timestamptz[]) AS x (id, at)"
            " JOIN customers_event e ON e.id = x.id AND e.recorded_at = x.at",
            [[row[1] for row in rows], [row[5] for row in rows]],
        )
    }
    return [
        Arrival(inbox_id, event_id, names[name_id], person_id, company_id, told.get(event_id, {}))
        for inbox_id, event_id, name_id, person_id, company_id, _ in rows
    ]


def _taking(names: list[str]) -> list[tuple[Program, Entry]]:
    """Programs that take people by these events; locked, so that one being stopped or paused has
    nobody slip past it."""
    programs = (
        Program.objects.select_for_update(of=("self",), no_key=True)
        .filter(
            published__entry_events__overlap=names,
            state__in=(ProgramState.ACTIVE, ProgramState.PAUSED, ProgramState.COMPLETED),
        )
        .select_related("published")
        .order_by("pk")
    )
    return [(program, entry_of(program.published)) for program in programs if program.published]


def candidates_of(
    subject: str, entry: EntryConfig, arrivals: Sequence[Arrival]
) -> Iterator[Candidate]:
    """Whom events bring, event by event; one that fits two sources comes once. Pure."""
    for arrival in arrivals:
        subject_id = arrival.person_id if subject == "person" else arrival.company_id
        if subject_id is None:
            continue
        for source in entry.of_kind(EventSource):
            fits = all(filter_holds(demand, arrival.properties) for demand in source.where)
            if source.event == arrival.name and fits:
                yield Candidate(
                    subject_id,
                    _text(arrival.properties.get(source.context_id))[:MAX_CONTEXT],
                    _mapped(source, arrival.properties),
                    {"event": arrival.name, "event_id": arrival.event_id},
                )
                break


def _mapped(source: EventSource, properties: Mapping[str, Any]) -> dict[str, Any]:
    """The participant fields that the event has a flat value for."""
    found: dict[str, Any] = {}
    for mapped in source.fields:
        value = properties.get(mapped.property)
        if isinstance(value, str):
            found[mapped.field] = value[:MAX_TEXT]
        elif isinstance(value, (bool, int, float)):
            found[mapped.field] = value
    return found


def _text(value: Any) -> str:
    """A property as a context id; lists and objects are none."""
    if isinstance(value, bool) or value is None or isinstance(value, (dict, list)):
        return ""
    return str(value).strip()


def _lock(found: Sequence[tuple[Program, Entry, list[Candidate]]]) -> None:
    """Where entering takes people out elsewhere, all are held at once, in order."""
    for subject in ("company", "person"):
        held = [
            candidate
            for program, entry, candidates in found
            if program.type == subject and entry.leaving.unenrol != "none"
            for candidate in candidates
        ]
        if held:
            lock_subjects_of(subject, ids_of(held), alone=True)


def _let_in(program: Program, entry: Entry, candidates: list[Candidate]) -> None:
    if not candidates or program.published is None:
        return
    version = load_versions([program.published.pk]).get(program.published.pk)
    now = database_now()
    if version is None or not program.takes_in:
        hold_back(program, program.type, candidates, now=now, cause={})
    else:
        enter(program, version, entry, candidates, now=now, cause={})

"""Programs on the snapshot pages of people and companies: a panel and timeline entries."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.urls import reverse

from csplatform.kit import sql
from csplatform.snapshots.timeline import Entry
from journeys.models import Participant, Step, Transition
from journeys.snapshot.feed import title_of

SHOWN = 8
# A company's people may be many: its timeline tells of the newest runs there.
RUNS_LOOKED_AT = 200
# Waits and passing from step to step are for the feed; these are what a CSM wants to see at once.
TOLD = ("enter", "leave", "fail", "goal", "go")
END = (datetime(9999, 1, 1, tzinfo=UTC), 2**62)


PERSON, COMPANY = ("person_id",), ("company_id", "at_company_id")


def person_programs(person_id: int, user: Any, now: datetime) -> dict[str, Any] | None:
    """The person's runs, newest first; hidden for somebody who never travelled."""
    return _panel(PERSON, person_id)


def company_programs(company_id: int, user: Any, now: datetime) -> dict[str, Any] | None:
    """Runs of the company itself and of its people."""
    return _panel(COMPANY, company_id)


def _newest(columns: Sequence[str], subject_id: int, limit: int) -> list[int]:
    """Ids of the newest runs; one short index scan per column."""
    scans = " UNION ".join(
        f"(SELECT id FROM journeys_participant WHERE {column} = %(subject)s"
        " ORDER BY id DESC LIMIT %(limit)s)"
        for column in columns
    )
    found = sql.rows(
        f"SELECT id FROM ({scans}) r ORDER BY id DESC LIMIT %(limit)s",
        {"subject": subject_id, "limit": limit},
    )
    return [row[0] for row in found]


def _panel(columns: Sequence[str], subject_id: int) -> dict[str, Any] | None:
    ids = _newest(columns, subject_id, SHOWN + 1)
    if not ids:
        return None
    named = Participant.objects.select_related("program", "step", "person", "company")
    runs = named.filter(pk__in=ids[:SHOWN]).order_by("-id")
    return {"runs": list(runs), "more": len(ids) > SHOWN, "with_names": columns == COMPANY}


def person_timeline(
    subject_id: int, bound: tuple[datetime, int] | None, limit: int
) -> Sequence[Entry]:
    """What programs did with a person."""
    return _timeline(PERSON, subject_id, bound, limit)


def company_timeline(
    subject_id: int, bound: tuple[datetime, int] | None, limit: int
) -> Sequence[Entry]:
    """What programs did with a company and its people."""
    return _timeline(COMPANY, subject_id, bound, limit)


def _timeline(
    columns: Sequence[str], subject_id: int, bound: tuple[datetime, int] | None, limit: int
) -> list[Entry]:
    at, key = bound or END
    runs = _newest(columns, subject_id, RUNS_LOOKED_AT)
    found = sql.rows(
        "SELECT t.id FROM unnest(%(runs)s::bigint[]) AS p (id) CROSS JOIN LATERAL"
        " (SELECT id, occurred_at FROM journeys_transition WHERE participant_id = p.id"
        "  AND kind = ANY(%(told)s) AND (occurred_at, id) < (%(at)s, %(key)s)"
        "  ORDER BY occurred_at DESC, id DESC LIMIT %(limit)s) t"
        " ORDER BY t.occurred_at DESC, t.id DESC LIMIT %(limit)s",
        {"runs": runs, "told": list(TOLD), "at": at, "key": key, "limit": limit},
    )
    return _entries([row[0] for row in found], told=columns is not PERSON)


def _entries(ids: list[int], *, told: bool) -> list[Entry]:
    """Entries of transitions; `told`: who it was, on pages where that differs."""
    rows = list(Transition.objects.filter(pk__in=ids).order_by("-occurred_at", "-id"))
    steps = Step.objects.in_bulk([row.step_id for row in rows if row.step_id])
    runs = Participant.objects.select_related("program", "person", "company").in_bulk(
        {row.participant_id for row in rows}
    )
    return [
        _entry(row, steps.get(row.step_id or 0), runs[row.participant_id], told=told)
        for row in rows
        if row.participant_id in runs
    ]


def _entry(row: Transition, step: Step | None, run: Participant, *, told: bool) -> Entry:
    return Entry(
        at=row.occurred_at,
        key=row.pk,
        title=f"{run.program}: {title_of(row, step)}",
        detail=run.subject_label if told else "",
        link=reverse("admin:journeys_participant_change", args=[run.pk]),
    )

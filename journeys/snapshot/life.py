"""The history of a program's life: what happened, and how long its pauses were (PRG-45)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from journeys.models import ProgramStateChange
from journeys.models.program import LifeEvent, ProgramState

# Filters of the page and the API.
TOPICS: dict[str, tuple[str, tuple[str, ...]]] = {
    "publishing": (
        "Publishing",
        (LifeEvent.PUBLISHED, LifeEvent.SCHEDULED, LifeEvent.UNSCHEDULED, LifeEvent.FAILED),
    ),
    "pauses": ("Pauses", (LifeEvent.PAUSED, LifeEvent.RESUMED)),
    "entries": ("Entries off and on", (LifeEvent.DISABLED, LifeEvent.ENABLED)),
    "ends": ("Completed, stopped", (LifeEvent.COMPLETED, LifeEvent.STOPPED)),
}


def with_pauses(changes: QuerySet[ProgramStateChange]) -> QuerySet[ProgramStateChange]:
    """Adds `pause_until` to rows that began a pause: when it ended; None: not yet, or no pause."""
    ends = (
        ProgramStateChange.objects.filter(
            program=OuterRef("program"), pk__gt=OuterRef("pk"), old=ProgramState.PAUSED
        )
        .exclude(new=ProgramState.PAUSED)
        .order_by("pk")
        .values("at")[:1]
    )
    return changes.annotate(pause_until=Subquery(ends))


def begins_pause(change: ProgramStateChange) -> bool:
    """Whether the program stood still from this row on."""
    return change.new == ProgramState.PAUSED and change.old != ProgramState.PAUSED


def of_topic(changes: QuerySet[ProgramStateChange], topic: str) -> QuerySet[ProgramStateChange]:
    """Rows of a topic; pauses also where turning entries off made one."""
    if topic not in TOPICS:
        return changes
    wanted = Q(what__in=TOPICS[topic][1])
    if topic == "pauses":
        wanted |= (Q(new=ProgramState.PAUSED) | Q(old=ProgramState.PAUSED)) & ~Q(old=F("new"))
    return changes.filter(wanted)


@dataclass(frozen=True)
class Pauses:
    """How often and how long a program stood still, up to now."""

    count: int
    total: timedelta


def pauses(changes: Iterable[tuple[str, str, datetime]], now: datetime) -> Pauses:
    """Of (old, new, at), oldest first."""
    count, total, since = 0, timedelta(), None
    for old, new, at in changes:
        if old != ProgramState.PAUSED and new == ProgramState.PAUSED:
            count, since = count + 1, at
        elif old == ProgramState.PAUSED and new != ProgramState.PAUSED and since is not None:
            total, since = total + (at - since), None
    return Pauses(count, total + (now - since if since is not None else timedelta()))


def pauses_of(program_id: int, now: datetime) -> Pauses:
    """Of one program. One query."""
    rows = ProgramStateChange.objects.filter(program=program_id).order_by("pk")
    return pauses(rows.values_list("old", "new", "at"), now)


def span(length: timedelta) -> str:
    """A length in words, in its two largest units: "2 days 3 hours"."""
    left, parts = max(0, int(length.total_seconds())), []
    for seconds, word in ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        number, left = divmod(left, seconds)
        if number:
            parts.append(f"{number:,} {word}{'s' if number != 1 else ''}")
    return " ".join(parts[:2]) or "0 seconds"

"""What starts and stops when, over all programs (PRG-40). Two queries, whatever the number."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import Q

from journeys.models import Program, ProgramStateChange
from journeys.models.program import LifeEvent, ProgramState

# What a calendar tells; taking a publishing back is no news, and what is to come stands by itself.
TOLD = (
    LifeEvent.PUBLISHED, LifeEvent.FAILED, LifeEvent.PAUSED, LifeEvent.RESUMED,
    LifeEvent.DISABLED, LifeEvent.ENABLED, LifeEvent.COMPLETED, LifeEvent.STOPPED,
)  # fmt: skip
STARTS = (LifeEvent.PUBLISHED,)
TO_COME = "due"
TONES = {
    TO_COME: "info", LifeEvent.PUBLISHED: "good", LifeEvent.FAILED: "error",
    LifeEvent.PAUSED: "warn", LifeEvent.RESUMED: "good", LifeEvent.DISABLED: "warn",
    LifeEvent.ENABLED: "good", LifeEvent.COMPLETED: "info", LifeEvent.STOPPED: "error",
}  # fmt: skip
AROUND = timedelta(days=3)
MOST = 2000


@dataclass(frozen=True)
class CalendarFilter:
    """Which programs; "" and None are all.

    Attributes:
        folder: id of a folder, "none" for those in none.
    """

    folder: str = ""
    type: str = ""
    state: str = ""

    @classmethod
    def read(cls, given: dict[str, Any]) -> "CalendarFilter":
        """From an address; what is not known counts as all."""
        folder, kind = str(given.get("folder", "")), given.get("type", "")
        state = given.get("state", "")
        known = folder == "none" or (folder.isascii() and folder.isdigit() and len(folder) < 19)
        return cls(
            folder=folder if known else "",
            type=kind if kind in ("person", "company") else "",
            state=state if state in ProgramState.values else "",
        )

    def where(self, prefix: str = "") -> Q:
        """The condition over programs, or over rows that point at them by `prefix`."""
        wanted = Q()
        if self.folder == "none":
            wanted &= Q(**{f"{prefix}folder": None})
        elif self.folder:
            wanted &= Q(**{f"{prefix}folder": int(self.folder)})
        if self.type:
            wanted &= Q(**{f"{prefix}type": self.type})
        if self.state:
            wanted &= Q(**{f"{prefix}state": self.state})
        return wanted


@dataclass(frozen=True)
class CalendarEntry:
    """Something that happens to a program at a moment; `what` is a LifeEvent or "due"."""

    at: datetime
    what: str
    label: str
    program_id: int
    name: str
    detail: str

    @property
    def tone(self) -> str:
        """Its colour; the label says the same."""
        return TONES.get(self.what, "plain")

    @property
    def page(self) -> str:
        """Where it leads: the flow of what is to come or failed, else the snapshot."""
        return "flow" if self.what in (TO_COME, LifeEvent.FAILED) else "snapshot"


def entries_between(
    start: datetime,
    end: datetime,
    wanted: CalendarFilter | None = None,
    *,
    told: tuple[str, ...] = TOLD,
) -> list[CalendarEntry]:
    """What is scheduled and what happened from `start` up to `end`, in order; at most MOST."""
    wanted = wanted or CalendarFilter()
    planned = (
        Program.objects.filter(wanted.where(), publish_at__gte=start, publish_at__lt=end)
        .order_by("publish_at", "pk")
        .values_list("publish_at", "pk", "name", "published_id")
    )
    found = [
        CalendarEntry(
            at, TO_COME, "Will be published", pk, name, "Changes" if published else "First version"
        )
        for at, pk, name, published in planned[:MOST]
        if at is not None
    ]
    past = (
        ProgramStateChange.objects.filter(
            wanted.where("program__"), at__gte=start, at__lt=end, what__in=told
        )
        .order_by("at", "pk")
        .values_list("at", "what", "program_id", "program__name", "reason")
    )
    found += [
        CalendarEntry(at, what, LifeEvent(what).label, pk, name, reason)
        for at, what, pk, name, reason in past[:MOST]
    ]
    return sorted(found, key=lambda entry: (entry.at, entry.program_id))


def around(day: date, *, but: int) -> list[CalendarEntry]:
    """What else starts within three days of a day, without the program `but`."""
    middle = datetime.combine(day, time(), UTC)
    try:
        start, end = middle - AROUND, middle + AROUND + timedelta(days=1)
    except OverflowError:
        return []
    found = entries_between(start, end, told=STARTS)
    return [entry for entry in found if entry.program_id != but]


def by_day(entries: list[CalendarEntry]) -> dict[date, list[CalendarEntry]]:
    """Entries by their day of UTC."""
    days: dict[date, list[CalendarEntry]] = defaultdict(list)
    for entry in entries:
        days[entry.at.astimezone(UTC).date()].append(entry)
    return days

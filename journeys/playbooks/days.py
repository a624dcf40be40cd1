"""Due dates and the parts of a work list. Pure: everything takes the day it is asked on."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

SATURDAY = 5


def due_after(start: date, days: int, *, skip_weekends: bool) -> date:
    """The day so many days after a start.

    With `skip_weekends` only Monday to Friday count, and the result is one of them: nothing falls
    due while nobody works.
    """
    if not skip_weekends:
        return start + timedelta(days=days)
    while start.weekday() >= SATURDAY:
        start += timedelta(days=1)
    weeks, rest = divmod(days, 5)
    found = start + timedelta(weeks=weeks, days=rest)
    # passing from one week into the next jumps over a weekend
    return found + timedelta(days=2) if start.weekday() + rest >= SATURDAY else found


def today_of(user: object, now: datetime) -> date:
    """The day it is for a staff user, by their own time zone."""
    try:
        zone = ZoneInfo(str(getattr(user, "time_zone", "") or "UTC"))
    except (ZoneInfoNotFoundError, ValueError):
        zone = ZoneInfo("UTC")
    return now.astimezone(zone).date()


@dataclass(frozen=True)
class Section:
    """A part of the work list: tasks due from a day up to a day, both included (None: open)."""

    key: str
    label: str
    first: date | None = None
    last: date | None = None


def sections(today: date) -> tuple[Section, ...]:
    """Overdue, today, the rest of this week (to Sunday), later; snoozed and undated stand apart."""
    sunday = today + timedelta(days=6 - today.weekday())
    tomorrow = today + timedelta(days=1)
    return (
        Section("overdue", "Overdue", None, today - timedelta(days=1)),
        Section("today", "Today", today, today),
        Section("week", "This week", tomorrow, sunday),
        Section("later", "Later", max(sunday + timedelta(days=1), tomorrow), None),
    )


def section_of(due: date | None, today: date) -> str:
    """The key of the section of a due date; "undated" without one."""
    if due is None:
        return "undated"
    for section in sections(today):
        if (section.first or due) <= due <= (section.last or due):
            return section.key
    return "later"

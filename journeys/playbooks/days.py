"""Due dates and the parts of a work list. Pure: everything takes the day it is asked on."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from csplatform.kit.clock import today_of as today_of
from csplatform.kit.clock import zone_of

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


MORNING = 8


def snoozed_until(word: str, user: object, now: datetime) -> datetime | None:
    """When a snoozed task wakes: "tomorrow", "in_3_days", "next_week" (Monday) or a day such as
    2026-03-09, at eight in the morning of the user's time zone. None for anything else."""
    today = today_of(user, now)
    days = {"tomorrow": 1, "in_3_days": 3, "next_week": 7 - today.weekday()}
    try:
        day = today + timedelta(days=days[word]) if word in days else date.fromisoformat(word)
    except ValueError:
        return None
    return datetime.combine(day, time(MORNING), zone_of(user))

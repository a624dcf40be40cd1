"""Local clocks: windows of the week and local times as moments. Pure; `now` is an argument.

A local time that the clock skips in spring stands for the first moment after the gap, one that it
shows twice in autumn for the first of the two.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MIDNIGHT = time(0)
DAY = timedelta(days=1)
# A weekly window that the clock skips once opens a week later.
HORIZON = 16


@lru_cache(maxsize=1000)
def zone_of(name: str) -> ZoneInfo | None:
    """The zone of a name like Europe/Paris; None for one that nobody knows."""
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):  # also names that lead out of the zone directory
        return None


@dataclass(frozen=True)
class Window:
    """Hours of some days of the week.

    Attributes:
        weekdays: 0 is Monday; none means every day.
        start, end: local times, start included, end not. Both midnight: the whole day. An end
            before the start is on the next day; the window belongs to the day it opens on.
    """

    weekdays: frozenset[int] = frozenset()
    start: time = MIDNIGHT
    end: time = MIDNIGHT

    def shows(self, local: datetime) -> bool:
        """Whether a local clock that reads `local` is in the window."""
        clock, day = local.time(), local.date()
        if self.start == self.end == MIDNIGHT:
            return self._on(day)
        if self.start < self.end:
            return self._on(day) and self.start <= clock < self.end
        return (clock >= self.start and self._on(day)) or (clock < self.end and self._on(day - DAY))

    def _on(self, day: date) -> bool:
        return not self.weekdays or day.weekday() in self.weekdays


def next_open(window: Window, now: datetime, zone: ZoneInfo) -> datetime | None:
    """The first moment from `now` on at which the window is open.

    None when that is more than two weeks away: no clock skips one window so often.
    """
    found = [
        at
        for at in (now, *_starts(window, now, zone), *_changes(now, zone))
        if at >= now and window.shows(at.astimezone(zone).replace(tzinfo=None))
    ]
    return min(found, default=None)


def moment(local: datetime, zone: ZoneInfo) -> datetime:
    """The first moment at which the local clock reads `local` (no zone) or later."""
    first = _utc(local, zone, 0)
    if first.astimezone(zone).replace(tzinfo=None) == local:
        return first
    return _change_between(_utc(local, zone, 1), first, zone)  # in a gap


def parse_clock(text: str) -> time:
    """ "09:30" as a time; raises ValueError for anything else."""
    return time(int(text[:2]), int(text[3:]))


def day_in(value: date | datetime, zone: ZoneInfo) -> date:
    """The local day of a date, or of a moment."""
    return value.astimezone(zone).date() if isinstance(value, datetime) else value


def weekdays_of(names: Sequence[str]) -> frozenset[int]:
    """Numbers of weekdays: ("mon", "sun") are 0 and 6."""
    return frozenset(WEEKDAYS.index(name) for name in names)


def _starts(window: Window, now: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """When the window opens by the clock, both times where that is shown twice."""
    today = now.astimezone(zone).date()
    for ahead in range(-1, HORIZON):
        start = datetime.combine(today + ahead * DAY, window.start)
        yield from (_utc(start, zone, 0), _utc(start, zone, 1))


def _changes(now: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """When the zone's clock is put forward or back in the time to come."""
    for ahead in range(-1, HORIZON):
        early, late = now + ahead * DAY, now + (ahead + 1) * DAY
        if early.astimezone(zone).utcoffset() != late.astimezone(zone).utcoffset():
            yield _change_between(early, late, zone)


def _change_between(early: datetime, late: datetime, zone: ZoneInfo) -> datetime:
    """The first second at which the offset is no longer that of `early`."""
    before = early.astimezone(zone).utcoffset()
    low, high = int(early.timestamp()), int(late.timestamp())
    while low + 1 < high:
        middle = (low + high) // 2
        same = datetime.fromtimestamp(middle, zone).utcoffset() == before
        low, high = (middle, high) if same else (low, middle)
    return datetime.fromtimestamp(high, UTC)


def _utc(local: datetime, zone: ZoneInfo, fold: int) -> datetime:
    return local.replace(tzinfo=zone, fold=fold).astimezone(UTC)

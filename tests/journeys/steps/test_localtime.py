"""Local clocks against an oracle that walks minute by minute (PRG-05)."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from journeys.steps.localtime import Window, day_in, moment, next_open, zone_of

ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC",
         "America/St_Johns", "Africa/Casablanca", "America/Santiago"]  # fmt: skip
MINUTE = timedelta(minutes=1)
BERLIN = ZoneInfo("Europe/Berlin")


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


def local(*parts):
    return utc(*parts).replace(tzinfo=None)


def reads(at, zone):
    return at.astimezone(zone).replace(tzinfo=None)


def minutes_of_day():
    return st.integers(0, 1439).map(lambda n: time(n // 60, n % 60))


def moments():
    """Any minute, every second one near a change of the clock of some zone."""
    near = [utc(2026, 3, 29, 1), utc(2026, 10, 25, 1), utc(2026, 3, 8, 7), utc(2026, 11, 1, 6),
            utc(2026, 10, 3, 15, 30), utc(2026, 4, 4, 15), utc(2028, 2, 29)]  # fmt: skip
    around = st.tuples(st.sampled_from(near), st.integers(-3000, 1500))
    anywhere = st.tuples(st.just(utc(2026, 1, 1)), st.integers(0, 1_500_000))
    return st.one_of(around, anywhere).map(lambda pair: pair[0] + pair[1] * MINUTE)


def plainly_in(window, at, zone):
    """The window's meaning, written another way: some day's interval holds the clock's reading."""
    clock = reads(at, zone)
    for back in (0, 1):
        day = clock.date() - timedelta(days=back)
        if window.weekdays and day.weekday() not in window.weekdays:
            continue
        opens = datetime.combine(day, window.start)
        closes = datetime.combine(day, window.end)
        if closes < opens or (closes == opens and window.start == time(0)):
            closes += timedelta(days=1)
        if opens <= clock < closes:
            return True
    return False


@settings(max_examples=150, deadline=None)
@given(
    st.frozensets(st.integers(0, 6)), minutes_of_day(), minutes_of_day(), moments(),
    st.sampled_from(ZONES),
)  # fmt: skip
@example(frozenset(), time(2, 15), time(2, 45), utc(2026, 3, 28, 12), "Europe/Berlin")
@example(frozenset({6}), time(2, 15), time(2, 45), utc(2026, 3, 28, 12), "Europe/Berlin")
@example(frozenset(), time(2, 30), time(4, 0), utc(2026, 3, 28, 12), "Europe/Berlin")
@example(frozenset(), time(1, 30), time(2, 10), utc(2026, 10, 25, 0, 30), "Europe/Berlin")
@example(frozenset({1}), time(22, 0), time(1, 0), utc(2026, 10, 24), "Europe/Berlin")
@example(frozenset({5}), time(2, 10), time(2, 20), utc(2026, 10, 3), "Australia/Lord_Howe")
def test_the_next_opening_is_the_first_minute_inside(weekdays, start, end, now, name):
    """Gaps, overlaps, midnight and leap days: the walk finds the same minute."""
    if start == end != time(0):
        end = time(0) if start != time(0) else end
    window, zone = Window(weekdays, start, end), ZoneInfo(name)
    found = next_open(window, now, zone)
    assert found is not None
    assert plainly_in(window, found, zone)
    at = now
    while at < found:
        assert not plainly_in(window, at, zone), (at, found)
        at += MINUTE


@settings(max_examples=200, deadline=None)
@given(moments(), st.integers(-900, 900), st.sampled_from(ZONES))
def test_a_local_time_is_the_first_moment_at_which_the_clock_shows_it(now, shift, name):
    """A reading that is skipped is the end of the gap, a doubled one the first of the two."""
    zone = ZoneInfo(name)
    clock = reads(now, zone) + shift * MINUTE
    found = moment(clock, zone)
    assert reads(found, zone) >= clock
    at = found - timedelta(hours=3)
    while at < found:
        assert reads(at, zone) < clock, (at, found)
        at += MINUTE


def test_gap_overlap_and_leap_day_by_hand():
    """Figures that anybody can check with a calendar."""
    assert moment(local(2026, 3, 29, 2, 30), BERLIN) == utc(2026, 3, 29, 1)
    assert moment(local(2026, 10, 25, 2, 30), BERLIN) == utc(2026, 10, 25, 0, 30)
    assert moment(local(2028, 2, 29, 9), BERLIN) == utc(2028, 2, 29, 8)
    friday = Window(frozenset({4}))
    apia = ZoneInfo("Pacific/Apia")  # had no 30 December 2011, a Friday
    assert reads(next_open(friday, utc(2011, 12, 28, 12), apia), apia) == local(2012, 1, 6)


def test_span_and_window_of_the_help_text():
    """The next Tuesday or Thursday between 09:00 and 11:00."""
    window = Window(frozenset({1, 3}), time(9), time(11))
    assert next_open(window, utc(2026, 11, 25, 12), BERLIN) == utc(2026, 11, 26, 8)
    inside = utc(2026, 11, 26, 9, 59)
    assert next_open(window, inside, BERLIN) == inside
    assert next_open(window, utc(2026, 11, 26, 10), BERLIN) == utc(2026, 12, 1, 8)


@pytest.mark.parametrize("name", ["", "Nowhere/Land", "../../etc/passwd", "/etc/passwd", "\x00"])
def test_unknown_zones_are_none(name):
    """Whatever somebody once stored as a time zone."""
    assert zone_of(name) is None


def test_the_day_of_a_moment_is_that_of_the_zone():
    """Late in the evening of UTC it is tomorrow in the east."""
    assert day_in(utc(2026, 11, 25, 23, 30), BERLIN) == date(2026, 11, 26)
    assert day_in(date(2026, 11, 25), BERLIN) == date(2026, 11, 25)

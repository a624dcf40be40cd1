"""The only place that asks for the time."""

from datetime import date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import connection
from django.utils import timezone


def now() -> datetime:
    """This process's time, UTC. For screens and logs; engine passes use `database_now`."""
    return timezone.now()


def database_now() -> datetime:
    """The database's own clock, read once per pass so that all hosts agree."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]


def today_of(user: object, now: datetime) -> date:
    """The day it is for a staff user, by their own time zone."""
    return now.astimezone(zone_of(user)).date()


def zone_of(user: object) -> ZoneInfo:
    """The time zone of a staff user; UTC without one, or with one that nobody knows."""
    try:
        return ZoneInfo(str(getattr(user, "time_zone", "") or "UTC"))
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")

"""The only place that asks for the time."""

from datetime import datetime

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

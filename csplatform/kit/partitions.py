"""Month partitions of the tables that grow: made ahead, so that no write ever waits for one, and
dropped when nobody wants to keep them any longer."""

import re
from dataclasses import dataclass
from datetime import date, datetime

from django.conf import settings
from django.db import connection, transaction

from csplatform.kit import sql
from csplatform.kit.registry import Registry


@dataclass(frozen=True)
class PartitionedTable:
    """A table partitioned by month of `recorded_at`; its app registers it.

    Attributes:
        keep_setting: name of the setting that says for how many whole months rows are kept
            besides the present one; 0 is for ever.
    """

    name: str
    keep_setting: str


partitioned_tables: Registry[PartitionedTable] = Registry("partitioned table")
MONTHS_AHEAD = 3
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('csplatform.partitions'))"


def month_bounds(moment: datetime, offset: int) -> tuple[date, date]:
    """First day of the month `offset` months after `moment`, and of the month after it."""
    index = moment.year * 12 + moment.month - 1 + offset
    start = date(index // 12, index % 12 + 1, 1)
    index += 1
    return start, date(index // 12, index % 12 + 1, 1)


def ensure_partitions(moment: datetime) -> list[str]:
    """Make this month's and the next months' partitions of every registered table.

    A default partition stands behind them, so an event is never refused for want of a month.
    Returns the names of those made now. Safe to run at the same time elsewhere.
    """
    made = []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_LOCK)
        for table in partitioned_tables:
            for offset in range(MONTHS_AHEAD + 1):
                start, end = month_bounds(moment, offset)
                name = f"{table.name}_{start:%Y_%m}"
                cursor.execute("SELECT to_regclass(%s)", [name])
                if cursor.fetchone()[0] is None:
                    cursor.execute(
                        f"CREATE TABLE {name} PARTITION OF {table.name} "
                        f"FOR VALUES FROM ('{start}') TO ('{end}')"
                    )
                    made.append(name)
    return made


def drop_partitions(moment: datetime) -> list[str]:
    """Drop the months that are older than a table keeps, and such rows of its default partition.

    Returns the names of those dropped now. Safe to run at the same time elsewhere.
    """
    dropped = []
    for table in partitioned_tables:
        months = int(getattr(settings, table.keep_setting))
        if months < 1:
            continue
        limit, _ = month_bounds(moment, -months)
        with transaction.atomic():
            sql.rows(_LOCK)
            old = [name for name in _months_of(table.name) if _month(name) < limit]
            for name in old:
                sql.run(f"DROP TABLE {name}")
            sql.run(f"DELETE FROM {table.name}_default WHERE recorded_at < %s", [limit])
        dropped += old
    return dropped


def _months_of(table: str) -> list[str]:
    """The month partitions of a table, oldest first."""
    found = sql.rows(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = to_regclass(%s) ORDER BY 1",
        [table],
    )
    return [row[0] for row in found if re.fullmatch(rf"{table}_\d{{4}}_\d{{2}}", row[0])]


def _month(name: str) -> date:
    """The first day of a partition's month."""
    return date(int(name[-7:-3]), int(name[-2:]), 1)

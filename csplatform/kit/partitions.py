"""Month partitions of the tables that grow, made ahead so that no write ever waits for one."""

from datetime import date, datetime

from django.db import connection, transaction

from csplatform.kit.registry import Registry

# Tables partitioned by month of `recorded_at`; their apps register them.
partitioned_tables: Registry[str] = Registry("partitioned table")
MONTHS_AHEAD = 3


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
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('csplatform.partitions'))")
        for table in partitioned_tables:
            for offset in range(MONTHS_AHEAD + 1):
                start, end = month_bounds(moment, offset)
                name = f"{table}_{start:%Y_%m}"
                cursor.execute("SELECT to_regclass(%s)", [name])
                if cursor.fetchone()[0] is None:
                    cursor.execute(
                        f"CREATE TABLE {name} PARTITION OF {table} "
                        f"FOR VALUES FROM ('{start}') TO ('{end}')"
                    )
                    made.append(name)
    return made

"""Counting big tables for lists: exact while it is cheap, an estimate beyond."""

from functools import cached_property
from typing import Any

from django.core.paginator import Paginator
from django.db import connection

from csplatform.kit import sql

EXACT_UP_TO = 10_000


class EstimatingPaginator(Paginator):
    """Never scans a million rows for the sake of "page 1 of 20,000"."""

    @cached_property
    def count(self) -> int:
        """Exact up to 10,000 rows, else what PostgreSQL's planner expects."""
        queryset: Any = self.object_list
        if not hasattr(queryset, "query"):
            return len(queryset)
        seen = queryset.order_by()[: EXACT_UP_TO + 1].count()
        if seen <= EXACT_UP_TO:
            return seen
        statement, params = queryset.order_by().values("pk").query.sql_with_params()
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}", params)
            plan = cursor.fetchone()[0]
        return max(int(plan[0]["Plan"]["Plan Rows"]), EXACT_UP_TO + 1)


def estimated_rows(table: str) -> int:
    """About how many rows a table has, its partitions included. Exact for small tables."""
    exact = sql.one(f"SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT %s) t", [EXACT_UP_TO])
    if exact < EXACT_UP_TO:
        return exact
    found = sql.one(
        "SELECT sum(greatest(c.reltuples, 0))::bigint FROM pg_partition_tree(%s::regclass) t"
        " JOIN pg_class c ON c.oid = t.relid WHERE t.isleaf",
        [table],
    )
    if not found:  # an ordinary table is no partition tree
        found = sql.one("SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", [table])
    return max(int(found or 0), EXACT_UP_TO)

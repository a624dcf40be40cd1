"""Short ways to raw SQL for the hot paths. Identifiers come from code, values are always bound."""

from collections.abc import Sequence
from typing import Any

from django.db import connection


def rows(statement: str, params: Sequence[Any] | dict[str, Any] | None = None) -> list[tuple]:
    """Run a statement that returns rows."""
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchall()


def run(statement: str, params: Sequence[Any] | dict[str, Any] | None = None) -> int:
    """Run a statement; the number of rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.rowcount


def one(statement: str, params: Sequence[Any] | dict[str, Any] | None = None) -> Any:
    """The first column of the first row, or None."""
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        row = cursor.fetchone()
    return row[0] if row else None


def next_ids(sequence: str, count: int) -> list[int]:
    """Draw `count` ids from a sequence of ours in one query."""
    if not count:
        return []
    found = rows("SELECT nextval(%s::regclass) FROM generate_series(1, %s)", [sequence, count])
    return [row[0] for row in found]

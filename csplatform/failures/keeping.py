"""Writing failures down while they happen: at most every few seconds each, on an own connection.

The connection of the work may be in the middle of a transaction that just broke; what is written
here must neither fail with it nor be rolled back with it.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection, connections

from csplatform.kit.failing import Failed

EVERY_SECONDS = 5.0
# After a write that did not work, nothing is tried for so long: the database may be away.
REST_SECONDS = 5.0
MOST_GROUPS = 500

Group = tuple[str, str, str]

_UPSERT = (
    "INSERT INTO failures_failure AS f (kind, work, lane, error_type, place, message, traceback,"
    " passing, count, came_back, first_at, last_at, state, solved_how)"
    " VALUES (%(kind)s, %(work)s, %(lane)s, %(error_type)s, %(place)s, %(message)s,"
    "  %(traceback)s, %(passing)s, %(count)s, 0, clock_timestamp(), clock_timestamp(), 'open', '')"
    " ON CONFLICT (work, error_type, place) DO UPDATE SET kind = excluded.kind,"
    " lane = excluded.lane, message = excluded.message, traceback = excluded.traceback,"
    " passing = excluded.passing, count = f.count + excluded.count, last_at = excluded.last_at,"
    " came_back = f.came_back + (f.state = 'solved')::int, state = 'open',"
    " retried_at = NULL, solved_at = NULL, solved_by_id = NULL, solved_how = ''"
)
# Those that were only counted: they happened `age` seconds ago, perhaps before a retry.
_ADD = (
    "UPDATE failures_failure SET count = count + %(count)s, last_at = greatest(last_at, t.at),"
    " came_back = came_back + (state = 'solved' AND t.at > solved_at)::int,"
    " state = CASE WHEN t.at > coalesce(solved_at, retried_at) THEN 'open' ELSE state END"
    " FROM (SELECT clock_timestamp() - make_interval(secs => %(age)s) AS at) t"
    " WHERE work = %(work)s AND error_type = %(error_type)s AND place = %(place)s"
)
_WATCHED = (
    "SELECT DISTINCT work FROM failures_failure"
    " WHERE state = 'retried' OR (state = 'open' AND passing)"
)
# The run began after the retry, or after it last happened.
_SOLVE = (
    "UPDATE failures_failure SET state = 'solved', solved_at = clock_timestamp(), solved_how ="
    " CASE state WHEN 'retried' THEN 'Ran well after it was tried again' ELSE 'Ran well again' END"
    " WHERE work = %(work)s AND (state = 'retried' OR (state = 'open' AND passing))"
    " AND coalesce(retried_at, last_at) < clock_timestamp() - make_interval(secs => %(age)s)"
)


@dataclass
class _Held:
    """What this process knows about one group."""

    written: float
    last: float
    more: int = 0


class Keeper:
    """Keeps failures for one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[Group, _Held] = {}
        self._rest_until = 0.0
        self._look_at = 0.0
        self._watched: set[str] = set()

    def failed(self, failure: Failed) -> None:
        """Write it down, or count it when it was written a moment ago.

        Raises when it could not be written; not while resting, which is no news.
        """
        group = (failure.key, failure.error_type, failure.place)
        now = time.monotonic()
        with self._lock:
            held = self._held.get(group)
            if held is not None:
                held.more, held.last = held.more + 1, now
            if now < self._rest_until or (held and now - held.written < EVERY_SECONDS):
                return
            count = held.more if held else 1
        try:
            self._run(_UPSERT, {**_row(failure, group), "count": count})
        except Exception:
            self._rest_until = now + REST_SECONDS
            raise
        with self._lock:
            if len(self._held) >= MOST_GROUPS:
                self._held.clear()
            self._held[group] = _Held(now, now)

    def went_well(self, work: str, seconds: float) -> None:
        """A run without an error, which may solve what was tried again. Looks every few seconds."""
        now = time.monotonic()
        if now >= self._look_at and now >= self._rest_until:
            self._look_at = now + EVERY_SECONDS
            self._add_counted(now)
            with _own_cursor() as cursor:
                cursor.execute(_WATCHED)
                self._watched = {row[0] for row in cursor.fetchall()}
        if work in self._watched:
            self._watched.discard(work)
            self._run(_SOLVE, {"work": work}, since=now - seconds)

    def _add_counted(self, now: float) -> None:
        with self._lock:
            counted = [(group, held) for group, held in self._held.items() if held.more]
        for (work, error_type, place), held in counted:
            values = {"work": work, "error_type": error_type, "place": place}
            self._run(_ADD, {**values, "count": held.more}, since=held.last)
            held.more, held.written = 0, now

    def _run(self, statement: str, values: dict[str, Any], *, since: float = 0) -> None:
        """`since` becomes an age only once the connection stands, which may take a while."""
        with _own_cursor() as cursor:
            cursor.execute(statement, {**values, "age": time.monotonic() - since})


def _row(failure: Failed, group: Group) -> dict[str, Any]:
    work, error_type, place = group
    return {
        "kind": failure.kind, "work": work, "lane": failure.lane, "error_type": error_type,
        "place": place, "message": failure.message, "traceback": failure.traceback,
        "passing": failure.passing,
    }  # fmt: skip


@contextmanager
def _own_cursor() -> Iterator[Any]:
    """A short transaction on a connection of its own; seconds at most."""
    own = connections.create_connection(connection.alias)
    try:
        own.set_autocommit(False)
        with own.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '1s'; SET LOCAL statement_timeout = '2s'")
            yield cursor
        own.commit()
    finally:
        own.close()

"""Is the worker that wrote this row still alive? Answered by a session lock that dies with it."""

import secrets

from django.db import connection

from csplatform.kit import sql

# What the scheduler at work holds, so that a second one stands by.
LEADER_LOCK = 7_215_001
_held: dict[int, int] = {}  # backend pid -> key of the lock that this connection holds


def worker_key() -> int:
    """The key of this connection's liveness lock, taken on first use.

    Rows that a worker marks as its own carry the key; when the process or its connection ends,
    PostgreSQL releases the lock and `is_alive` says so.
    """
    connection.ensure_connection()
    backend = connection.connection.info.backend_pid
    if backend not in _held:
        _held.clear()
        key = secrets.randbits(62) + 1
        sql.one("SELECT pg_advisory_lock(%s)", [key])
        _held[backend] = key
    return _held[backend]


def alive_among(keys: set[int]) -> set[int]:
    """Those of `keys` whose worker still holds its lock: one query on pg_locks."""
    if not keys:
        return set()
    found = sql.rows(
        "SELECT k FROM unnest(%s::bigint[]) k WHERE EXISTS (SELECT 1 FROM pg_locks l"
        " WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted"
        " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND ((l.classid::bigint << 32) | l.objid::bigint) = k)",
        [sorted(keys)],
    )
    return {row[0] for row in found}

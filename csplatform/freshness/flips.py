"""Next flips: who has to be looked at again, and when, because time alone may change an answer.

A due flip becomes a touch with the key "time.<consumer>.<ref>"; the consumer that noted it looks
again and notes the next one. Only what is due within the horizon is noted: consumers sweep every
`SWEEP_SECONDS`, so nobody's moment passes between two sweeps, and the table stays small.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from csplatform.freshness.touches import TOUCH_COLUMNS
from csplatform.kit import sql
from csplatform.kit.jobs import wake_on_commit

SWEEP_SECONDS = 86_400
HORIZON = timedelta(hours=60)
BATCH = 2000


def time_key(consumer: str, ref: int) -> str:
    """The fact key of flips that a consumer noted for one of its rules."""
    return f"time.{consumer}.{ref}"


def note_flips(
    consumer: str, ref: int, subject: str, query: str, params: Sequence[Any], at: datetime
) -> int:
    """Remember when to look again; an earlier moment that is noted already stays.

    Args:
        ref: the consumer's rule: a segment, a version ...
        query: `SELECT id, due`, code-owned, as `rules.flips.next_flips` gives it.
        at: the instant that the query is about.

    Returns how many were noted. In the caller's transaction. Safe to repeat.
    """
    return sql.run(
        "INSERT INTO freshness_nextflip AS n (consumer, ref, subject, subject_id, due_at)"
        f" SELECT %s, %s, %s, f.id, f.due FROM ({query}) f WHERE f.due <= %s ORDER BY f.id"
        " ON CONFLICT (consumer, ref, subject, subject_id)"
        " DO UPDATE SET due_at = excluded.due_at WHERE n.due_at > excluded.due_at",
        [consumer, ref, subject, *params, at + HORIZON],
    )


def pending() -> bool:
    """Whether any flip is due: the first one tells. A mere condition would be answered by reading
    the whole table while none is, since the planner takes a third of all rows for due."""
    first = "SELECT due_at FROM freshness_nextflip ORDER BY due_at LIMIT 1"
    return bool(sql.one(f"SELECT ({first}) <= clock_timestamp()"))


def run_batch() -> int:
    """Turn due flips into touches; how many."""
    found = sql.run(
        "WITH due AS (DELETE FROM freshness_nextflip WHERE id = ANY(ARRAY("
        "  SELECT id FROM freshness_nextflip"
        "  WHERE due_at <= statement_timestamp() ORDER BY due_at, id LIMIT %s"
        "  FOR UPDATE SKIP LOCKED))"
        "  RETURNING consumer, ref, subject, subject_id)"
        f" INSERT INTO freshness_touch ({TOUCH_COLUMNS})"
        " SELECT subject, subject_id, 'time.' || consumer || '.' || ref, 0, 0, now() FROM due",
        [BATCH],
    )
    if found:
        wake_on_commit("live")
    return found

"""What was refused, on record for the admin's page of rejected events."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from csplatform.kit import sql
from csplatform.kit.clock import now as clock_now
from engagements.tracker.envelope import Refused

# A site gone wrong sends the same rubbish for hours; the first rows of a request tell enough.
MAX_PER_REQUEST = 50
EXCERPT = 2000
KEPT = timedelta(days=30)


def note(
    refusals: Sequence[Refused], *, source_id: int, anonymous_id: UUID | None, now: datetime
) -> None:
    """Record refused items. One statement."""
    if not refusals:
        return
    kept = refusals[:MAX_PER_REQUEST]
    sql.run(
        "INSERT INTO engagements_rejectedevent"
        " (source_id, anonymous_id, message_id, type, path, code, reason, excerpt, at)"
        " SELECT %s, %s, x.*, %s FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[],"
        " %s::text[], %s::text[]) AS x",
        [source_id, anonymous_id, now, *_columns(kept)],
    )


def _columns(refusals: Sequence[Refused]) -> list[list[str]]:
    return [
        [_storable(r.message_id)[:100] for r in refusals],
        [_storable(r.type)[:20] for r in refusals],
        [_storable(r.problem.path)[:200] for r in refusals],
        [r.problem.code[:40] for r in refusals],
        [_storable(r.problem.message)[:500] for r in refusals],
        ["" if r.raw is None else _excerpt(r.raw) for r in refusals],
    ]


def _excerpt(raw: object) -> str:
    """The beginning of an item as JSON text; escapes keep what the database could not hold."""
    try:
        return json.dumps(raw, default=str)[:EXCERPT]
    except (ValueError, RecursionError):
        return ""


def _storable(text: str) -> str:
    """Text without NUL and half characters."""
    return text.replace("\x00", "").encode(errors="replace").decode()


def purge() -> int:
    """Drop rows past their time; a periodic chore."""
    return sql.run("DELETE FROM engagements_rejectedevent WHERE at < %s", [clock_now() - KEPT])

"""How far a segment's computation is, for its pages."""

from csplatform.kit import sql
from csplatform.rules.scope import TABLES
from csplatform.segments.models import Segment


def progress(segment: Segment) -> int | None:
    """Percent of a computation that is under way or waiting; None when none is."""
    if not segment.is_dynamic or (segment.cursor is None and segment.requested_at is None):
        return None
    if not segment.cursor:
        return 0
    last = sql.one(f"SELECT max(id) FROM {TABLES[segment.subject]}") or 1
    return min(int(100 * segment.cursor / last), 99)

"""Writing touch rows: called by every operation that changes a fact that rules can read."""

from collections.abc import Iterable
from contextvars import ContextVar

from csplatform.freshness.models import TouchLane
from csplatform.kit import sql
from csplatform.kit.jobs import current_lane, wake_on_commit

MAX_DEPTH = 10
TOUCH_COLUMNS = "subject, subject_id, key, depth, lane, at"
# More changes than this at once are followed up by the bulk lane.
BULK_FROM = 2000
# The depth of the cause that is being worked off; the loop and the engine set it.
cause_depth: ContextVar[int] = ContextVar("cause_depth", default=0)


# The key of a subject that was just created or merged: every rule has to look at it.
EVERYTHING = "everything"


def touch(subject: str, ids: Iterable[int], keys: Iterable[str]) -> None:
    """Note in this transaction that facts of subjects changed, and wake the loop after commit.

    Args:
        subject: "person" or "company".
        ids: the subjects.
        keys: fact keys that changed; every id is touched with every key.

    A chain of causes deeper than MAX_DEPTH stops here and leaves a BrakeStop to look at.
    """
    names = set(keys)
    touch_rows((subject, subject_id, name) for subject_id in set(ids) for name in names)


def touch_rows(rows: Iterable[tuple[str, int, str]]) -> None:
    """As `touch`, for (subject, id, key) rows that differ from each other. One statement."""
    wanted = sorted(set(rows))
    if not wanted:
        return
    subjects, ids, keys = zip(*wanted, strict=True)
    lane = lane_of(len(wanted))
    source = "SELECT * FROM unnest(%s::text[], %s::bigint[], %s::text[]) AS x(subject, id, key)"
    sql.run(touch_insert(source, lane), [list(subjects), list(ids), list(keys)])
    wake_touched(lane)


def lane_of(count: int) -> TouchLane:
    """Who follows up so many touches: a single click must not wait behind a million members."""
    is_bulk = current_lane.get() == "bulk" or count > BULK_FROM
    return TouchLane.BULK if is_bulk else TouchLane.LIVE


def touch_insert(source: str, lane: TouchLane) -> str:
    """An INSERT of touches, also for use in a CTE; its parameters are those of the source.

    Args:
        source: `SELECT subject, id, key`, code-owned.

    Whoever runs it calls `wake_touched`. A chain of causes deeper than MAX_DEPTH is noted as
    stopped instead.
    """
    depth = cause_depth.get()
    if depth > MAX_DEPTH:
        columns = "subject, subject_id, key, depth, at"
        given = f"SELECT subject, id, key, {depth:d}, now() FROM ({source}) given"
        return f"INSERT INTO freshness_brakestop ({columns}) {given}"
    given = f"SELECT subject, id, key, {depth:d}, {int(lane):d}, now() FROM ({source}) given"
    return f"INSERT INTO freshness_touch ({TOUCH_COLUMNS}) {given}"


def wake_touched(lane: TouchLane) -> None:
    """Wake who follows the touches up, after commit."""
    wake_on_commit("bulk" if lane == TouchLane.BULK else "live")

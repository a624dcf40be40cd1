"""Writing touch rows: called by every operation that changes a fact that rules can read."""

from collections.abc import Iterable
from contextvars import ContextVar

from csplatform.freshness.models import BrakeStop
from csplatform.kit import sql
from csplatform.kit.jobs import wake_on_commit

MAX_DEPTH = 10
TOUCH_COLUMNS = "subject, subject_id, key, depth, at"
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
    depth = cause_depth.get()
    if depth > MAX_DEPTH:
        BrakeStop.objects.bulk_create(
            BrakeStop(subject=subject, subject_id=subject_id, key=key, depth=depth)
            for subject, subject_id, key in wanted
        )
        return
    subjects, ids, keys = zip(*wanted, strict=True)
    sql.run(
        f"INSERT INTO freshness_touch ({TOUCH_COLUMNS})"
        " SELECT s, i, k, %s, now()"
        " FROM unnest(%s::text[], %s::bigint[], %s::text[]) AS x(s, i, k)",
        [depth, list(subjects), list(ids), list(keys)],
    )
    wake_on_commit("live")

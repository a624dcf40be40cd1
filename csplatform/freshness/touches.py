"""Writing touch rows: called by every operation that changes a fact that rules can read."""

from collections.abc import Iterable
from contextvars import ContextVar

from csplatform.freshness.models import BrakeStop
from csplatform.kit import sql
from csplatform.kit.jobs import wake_on_commit

MAX_DEPTH = 10
# The depth of the cause that is being worked off; the loop and the engine set it.
cause_depth: ContextVar[int] = ContextVar("cause_depth", default=0)


def touch(subject: str, ids: Iterable[int], keys: Iterable[str]) -> None:
    """Note in this transaction that facts of subjects changed, and wake the loop after commit.

    Args:
        subject: "person" or "company".
        ids: the subjects.
        keys: fact keys that changed; every id is touched with every key.

    A chain of causes deeper than MAX_DEPTH stops here and leaves a BrakeStop to look at.
    """
    wanted, names = sorted(set(ids)), sorted(set(keys))
    if not wanted or not names:
        return
    depth = cause_depth.get()
    if depth > MAX_DEPTH:
        BrakeStop.objects.bulk_create(
            BrakeStop(subject=subject, subject_id=i, key=names[0], depth=depth) for i in wanted
        )
        return
    sql.run(
        "INSERT INTO freshness_touch (subject, subject_id, key, depth, at)"
        " SELECT %s, i, k, %s, now() FROM unnest(%s::bigint[]) i, unnest(%s::text[]) k ORDER BY i",
        [subject, depth, wanted, names],
    )
    wake_on_commit("live")

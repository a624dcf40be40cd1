"""The loop: takes touch rows in batches and hands the subjects to the consumers that care."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from csplatform.freshness.touches import EVERYTHING, cause_depth
from csplatform.kit import sql
from csplatform.kit.clock import database_now
from csplatform.kit.jobs import wake_on_commit
from csplatform.kit.registry import Registry

BATCH = 2000


@dataclass(frozen=True)
class Touched:
    """What one pass saw for one kind of subject.

    Attributes:
        subject: "person" or "company".
        keys: fact key to the ids touched with it.
        now: the database's time, read once for the pass.
    """

    subject: str
    keys: dict[str, frozenset[int]]
    now: datetime

    def ids_for(self, wanted: frozenset[str]) -> set[int]:
        """Ids touched with any of the wanted keys; "event.*" wants every event.

        A subject that was just created or merged concerns everybody.
        """
        found: set[int] = set()
        for key, ids in self.keys.items():
            if key == EVERYTHING or key in wanted or f"{key.split('.', 1)[0]}.*" in wanted:
                found |= ids
        return found


# Runs in the loop's transaction; may write and touch again (one level deeper).
Consumer = Callable[[Touched], None]
consumers: Registry[Consumer] = Registry("freshness consumer")


def pending() -> bool:
    """Whether any touch waits."""
    return bool(sql.one("SELECT EXISTS (SELECT 1 FROM freshness_touch)"))


def run_batch() -> int:
    """Claim a batch of touches, inform every consumer, delete them: all or nothing."""
    with transaction.atomic():
        taken = sql.rows(
            "DELETE FROM freshness_touch WHERE id IN ("
            " SELECT id FROM freshness_touch ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)"
            " RETURNING subject, subject_id, key, depth",
            [BATCH],
        )
        if not taken:
            return 0
        grouped: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
        for subject, subject_id, key, _ in taken:
            grouped[subject][key].add(subject_id)
        mark = cause_depth.set(max(row[3] for row in taken) + 1)
        try:
            moment = database_now()
            for subject, keys in grouped.items():
                touched = Touched(subject, {k: frozenset(v) for k, v in keys.items()}, moment)
                for consumer in consumers:
                    consumer(touched)
        finally:
            cause_depth.reset(mark)
        if len(taken) == BATCH:
            wake_on_commit("live")
    return len(taken)

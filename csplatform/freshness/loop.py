"""The loop: takes touch rows in batches and hands the subjects to the consumers that care."""

import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from csplatform.freshness.models import TouchLane
from csplatform.freshness.touches import EVERYTHING, cause_depth, wake_touched
from csplatform.kit import sql
from csplatform.kit.clock import database_now
from csplatform.kit.jobs import NOBODYS_FAULT
from csplatform.kit.registry import Registry

log = logging.getLogger(__name__)
BATCH = 2000
MAX_CULPRITS = 20  # per pass


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


def pending(lane: TouchLane = TouchLane.LIVE) -> bool:
    """Whether any touch waits."""
    found = sql.one("SELECT EXISTS (SELECT 1 FROM freshness_touch WHERE lane = %s)", [int(lane)])
    return bool(found)


def run_batch(lane: TouchLane = TouchLane.LIVE) -> int:
    """Claim a batch of touches, inform every consumer, delete them: all or nothing.

    Returns how many were worked off. A touch that a consumer trips over stays, behind the others.
    """
    try:
        with transaction.atomic():
            done = _hand_over(_NEXT, [int(lane), BATCH])
    except NOBODYS_FAULT:
        raise  # a lost connection or deadlock is nobody's fault: the next pass tries again
    except Exception:
        ids = [row[0] for row in sql.rows(_NEXT, [int(lane), BATCH])]
        done = _work_off(ids, culprits=[])
    if done == BATCH:
        wake_touched(lane)
    return done


_NEXT = "SELECT id FROM freshness_touch WHERE lane = %s ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED"
_THESE = "SELECT id FROM freshness_touch WHERE id = ANY(%s) ORDER BY id FOR UPDATE SKIP LOCKED"


def _work_off(ids: list[int], culprits: list[int]) -> int:
    """Hand these over; halved on an error until the culprit stands alone."""
    if not ids:
        return 0
    try:
        with transaction.atomic():
            return _hand_over(_THESE, [ids])
    except NOBODYS_FAULT:
        raise  # a lost connection or deadlock is nobody's fault: the next pass tries again
    except Exception:
        if len(ids) == 1:
            log.exception("touch not worked off", extra={"touch": ids[0]})
            _put_back(ids[0])
            culprits.append(ids[0])
            return 0
    if len(culprits) >= MAX_CULPRITS:
        return 0  # it is not the touches: a consumer is broken, and the next pass tries again
    half = len(ids) // 2
    return _work_off(ids[:half], culprits) + _work_off(ids[half:], culprits)


def _put_back(touch_id: int) -> None:
    """To the end of the queue: looked at again, but before nobody else."""
    sql.run(
        "UPDATE freshness_touch SET id ="
        " nextval(pg_get_serial_sequence('freshness_touch', 'id')) WHERE id = %s",
        [touch_id],
    )


def _hand_over(chosen: str, params: list[Any]) -> int:
    taken = sql.rows(
        f"DELETE FROM freshness_touch WHERE id = ANY(ARRAY({chosen}))"  # asked once
        " RETURNING subject, subject_id, key, depth",
        params,
    )
    if not taken:
        return 0
    # By depth: a chain about to be stopped must not drag innocent changes over the brink.
    grouped: dict[tuple[int, str], dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for subject, subject_id, key, depth in taken:
        grouped[depth, subject][key].add(subject_id)
    moment = database_now()
    for (depth, subject), keys in sorted(grouped.items()):
        mark = cause_depth.set(depth + 1)
        try:
            touched = Touched(subject, {k: frozenset(v) for k, v in keys.items()}, moment)
            for consumer in consumers:
                consumer(touched)
        finally:
            cause_depth.reset(mark)
    return len(taken)

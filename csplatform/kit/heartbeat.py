"""When the scheduler last ticked: a key in Redis, written every few seconds, that ages by itself.

Not a row: it says something about this moment only, and a lost one is there again at the next
tick. Its age is told by Redis' own clock, so hosts need not agree on the time.
"""

import logging
import time

import redis

from csplatform.kit.jobs import redis_client

log = logging.getLogger(__name__)
KEY = "csplatform:scheduler"
EVERY_SECONDS = 3
LATE_SECONDS = 30
_KEPT_MS = 86_400_000
_next = 0.0


def beat() -> None:
    """The scheduler is at work; written at most every EVERY_SECONDS. Never raises."""
    global _next
    if time.monotonic() < _next:
        return
    _next = time.monotonic() + EVERY_SECONDS
    try:
        redis_client().set(KEY, 1, px=_KEPT_MS)
    except redis.RedisError as error:
        log.warning("tick not noted", extra={"error": str(error)})


def age_seconds() -> float | None:
    """Seconds since the last tick; None: none within a day. Raises RedisError."""
    left = int(redis_client().pttl(KEY))  # type: ignore[arg-type]
    return None if left < 0 else max(0.0, (_KEPT_MS - left) / 1000)


def complaint() -> str:
    """What is wrong with the scheduler, in a sentence; "" when it ticks or nobody can tell."""
    try:
        age = age_seconds()
    except redis.RedisError:
        return ""
    if age is None:
        return "the scheduler does not tick"
    return f"the scheduler has not ticked for {age:.0f} s" if age > LATE_SECONDS else ""

"""A worker that has just finished stays and listens for a moment.

A job costs milliseconds before it starts. While a worker lingers, whoever wakes its lane pokes it
instead of enqueueing a job; it says that it is there before it looks for work, since a job that is
enqueued meanwhile would wait until it has stopped listening. Asking and poking, and leaving and
looking, are each one step in Redis, so no poke is left behind. What a killed worker leaves ends by
itself within HERE_SECONDS.
"""

from functools import lru_cache

import redis
from django.conf import settings

LINGER_SECONDS = 1
HERE_SECONDS = 5
_POKE = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('RPUSH', KEYS[2], 1)
redis.call('EXPIRE', KEYS[2], 5)
return 1
"""
_LEAVE = """
redis.call('DEL', KEYS[1])
return redis.call('DEL', KEYS[2])
"""


def _keys(lane: str) -> tuple[str, str]:
    return f"csplatform:lingers:{lane}", f"csplatform:poked:{lane}"


@lru_cache
def _patient() -> redis.Redis:
    """A connection that may wait for an answer as long as we linger."""
    return redis.from_url(settings.REDIS_URL, socket_timeout=LINGER_SECONDS + 2, retry=None)


def poke(client: redis.Redis, lane: str) -> bool:
    """Tell a lingering worker of the lane; False when there is none. Raises RedisError."""
    return bool(client.eval(_POKE, 2, *_keys(lane)))


def arrive(client: redis.Redis, lane: str) -> None:
    """From now on we are poked. Raises RedisError."""
    client.set(_keys(lane)[0], 1, ex=HERE_SECONDS)


def wait_for_poke(lane: str) -> bool:
    """Linger; whether something came. If not, nobody lingers any more. Raises RedisError."""
    client = _patient()
    arrive(client, lane)
    if client.blpop([_keys(lane)[1]], timeout=LINGER_SECONDS):
        return True
    return leave(client, lane)


def leave(client: redis.Redis, lane: str) -> bool:
    """Linger no longer; whether somebody poked before that. Raises RedisError."""
    return bool(client.eval(_LEAVE, 2, *_keys(lane)))

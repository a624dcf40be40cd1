"""How much a source may send: a token bucket in Redis that lets everything through when Redis
is away. Counting is a courtesy to the database; losing events over it would be worse."""

import logging
import math
import time
from functools import lru_cache

import redis
from django.conf import settings

log = logging.getLogger(__name__)
# After an error Redis is left alone for so long: a hanging one must not cost each request 0.2 s.
REST_SECONDS = 5
_resting_until = 0.0

# Refill by time, take if there is enough; returns 0, or the seconds until there will be.
_TAKE = """
local rate, burst, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local state = redis.call('HMGET', KEYS[1], 'level', 'at')
local level = (tonumber(state[1]) or burst) + (now - (tonumber(state[2]) or now)) * rate
level = math.min(burst, level)
local wait = 0
if level >= cost then level = level - cost else wait = (cost - level) / rate end
redis.call('HSET', KEYS[1], 'level', tostring(level), 'at', tostring(now))
redis.call('EXPIRE', KEYS[1], math.ceil(burst / rate) + 1)
return tostring(wait)
"""


@lru_cache
def _redis() -> redis.Redis:
    limit = settings.REDIS_TIMEOUT_SECONDS
    return redis.from_url(
        settings.REDIS_URL, socket_timeout=limit, socket_connect_timeout=limit, retry=None
    )


def seconds_to_wait(source_id: int, items: int) -> int:
    """Take `items` out of a source's bucket: 0, or how many seconds to wait before retrying.

    A batch counts at least one, and never more than the bucket holds: it must fit some time.
    """
    global _resting_until
    if time.monotonic() < _resting_until:
        return 0
    rate, burst = settings.TRACKER_ITEMS_PER_SECOND, settings.TRACKER_BURST
    cost = min(max(items, 1), burst)
    try:
        key = f"csplatform:tracker:{source_id}"
        wait = float(_redis().eval(_TAKE, 1, key, rate, burst, cost))
    except redis.RedisError as error:
        _resting_until = time.monotonic() + REST_SECONDS
        log.warning("tracker limit not counted", extra={"error": str(error)})
        return 0
    return math.ceil(wait)

"""Figures about the installation itself: servers, lanes, things to look at."""

from collections.abc import Sequence

import redis
from django.conf import settings
from django.db import connection
from django.http import HttpRequest

from csplatform.adminkit.home import Figure, attention
from csplatform.kit import heartbeat
from csplatform.kit.jobs import lane_work

LANE_WORDS = {"live": "live", "bulk": "bulk", "outbox": "mail", "slow": "slow"}


def things_to_look_at(request: HttpRequest) -> Sequence[Figure]:
    """What rooms report; one calm line when there is nothing."""
    found = [figure for report in attention if (figure := report(request)) is not None]
    return found or [Figure("Failures", 0, tone="good", note="All clear")]


def system_figures(request: HttpRequest) -> Sequence[Figure]:
    """The servers and whether the lanes keep up. This page itself proves PostgreSQL."""
    version = connection.pg_version // 10_000  # type: ignore[attr-defined]
    waiting = {work.lane for work in lane_work if work.pending()}
    words = ", ".join(word for lane, word in LANE_WORDS.items() if lane in waiting)
    return [
        Figure("PostgreSQL", "up", tone="good", note=f"version {version}"),
        *_redis_figures(),
        Figure(
            "Lanes",
            "busy" if waiting else "idle",
            note=f"work waits: {words}" if waiting else "nothing waits",
        ),
    ]


def _redis_figures() -> list[Figure]:
    """Redis may be away at any time: work goes on by the scheduler's tick, only slower."""
    limit = settings.REDIS_TIMEOUT_SECONDS
    client = redis.from_url(settings.REDIS_URL, socket_timeout=limit, socket_connect_timeout=limit)
    try:
        version = client.info("server").get("redis_version", "")
    except redis.RedisError:
        return [Figure("Redis", "away", tone="bad", note="work goes on, only slower")]
    finally:
        client.close()
    return [Figure("Redis", "up", tone="good", note=f"version {version}"), *_scheduler_figure()]


def _scheduler_figure() -> list[Figure]:
    """Without it timers stand still, which no other figure shows."""
    if complaint := heartbeat.complaint():
        return [Figure("Scheduler", "late", tone="bad", note=complaint)]
    return []

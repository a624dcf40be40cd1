"""The one way to RQ: lanes of work that are woken, never told what to do.

A job carries no data. The rows in PostgreSQL are the work; a wake-up says "look". So a lost,
doubled or late wake-up does no harm, and flushing Redis loses nothing.
"""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache

import redis
import structlog
from django.conf import settings
from django.db import (
    InterfaceError,
    OperationalError,
    close_old_connections,
    connection,
    transaction,
)
from rq import Queue, get_current_job
from rq.serializers import JSONSerializer
from rq.timeouts import JobTimeoutException

from csplatform.kit import lingering, rates
from csplatform.kit.failing import Failed, tell, tell_well
from csplatform.kit.registry import Registry

log = logging.getLogger(__name__)
FLAG_SECONDS = 2
# Set by benchmarks: this process does the work itself and wakes nobody.
sleeping = False
SLICE_SECONDS = 0.25
# A job that takes this long hangs; it is broken off, and what it had in hand is run again.
JOB_SECONDS = 900
# Lanes whose worker stays for a moment in case that something comes; and for how long one job may.
LINGERING = ("live",)
JOB_LINGERS_SECONDS = 5
# A lost connection, a deadlock, a job that ran out of time: no row is to blame, run it again.
NOBODYS_FAULT = (OperationalError, InterfaceError, JobTimeoutException)


# The lane whose work is being done here; "" in web processes and commands.
current_lane: ContextVar[str] = ContextVar("current_lane", default="")


@dataclass(frozen=True)
class LaneWork:
    """Something that a lane looks after.

    Attributes:
        lane: "live" (events, due timers), "bulk" (enrolments, recomputes), "outbox", "slow".
        run: does one batch, returns how many things it moved; 0 means nothing was left.
        pending: cheap look whether anything is due; asked by the scheduler's tick.
    """

    key: str
    lane: str
    run: Callable[[], int]
    pending: Callable[[], bool]


@dataclass(frozen=True)
class Periodic:
    """A chore that the scheduler has the slow lane do every so many seconds."""

    key: str
    every_seconds: float
    run: Callable[[], object]


def _fit(work: LaneWork) -> str:
    return "" if work.lane in settings.LANES else f"unknown lane {work.lane!r}"


lane_work: Registry[LaneWork] = Registry("lane work", _fit)
periodic: Registry[Periodic] = Registry("periodic chore")


@lru_cache
def redis_client() -> redis.Redis:
    """Our connection to Redis; gives up within REDIS_TIMEOUT_SECONDS."""
    limit = settings.REDIS_TIMEOUT_SECONDS
    return redis.from_url(
        settings.REDIS_URL, socket_timeout=limit, socket_connect_timeout=limit, retry=None
    )


def _flag(lane: str) -> str:
    return f"csplatform:woken:{lane}"


def wake(lane: str) -> bool:
    """Wake a lane now. Never raises: the scheduler's tick finds what a lost Redis forgot.

    Returns whether anybody was woken (False: somebody is already, or Redis is away).
    """
    if sleeping:
        return False
    try:
        if not redis_client().set(_flag(lane), 1, nx=True, ex=FLAG_SECONDS):
            return False
        if lingering.poke(redis_client(), lane):
            return True
        queue = Queue(lane, connection=redis_client(), serializer=JSONSerializer)
        job = queue.enqueue(
            run_lane, lane, result_ttl=0, failure_ttl=86400, ttl=600, job_timeout=JOB_SECONDS
        )
    except redis.RedisError as error:
        log.warning("wake-up not sent", extra={"lane": lane, "error": str(error)})
        return False
    if "request_id" in structlog.contextvars.get_contextvars():
        # A wake-up carries no data, so this line is where a request and its job meet.
        log.info("lane woken", extra={"lane": lane, "job_id": job.id})
    return True


def wake_on_commit(lane: str) -> None:
    """Wake a lane once the current transaction is committed (at once outside of one)."""
    if connection.in_atomic_block:
        # One wake-up per lane and transaction, however many operations ask for it.
        asked = {hook[1] for hook in connection.run_on_commit if hook[0] is not None}
        mark = _Wake(lane)
        if mark in asked:
            return
        transaction.on_commit(mark)
    else:
        wake(lane)


@dataclass(frozen=True)
class _Wake:
    lane: str

    def __call__(self) -> None:
        wake(self.lane)


def run_lane(lane: str) -> int:
    """Slices of a lane's work; the body of every wake-up job.

    Clears the flag *before* looking, so a wake-up that arrives meanwhile is never lost. Once
    everything is done it lingers for a moment: the next click then waits for no new job.
    """
    moved, until = 0, time.monotonic() + JOB_LINGERS_SECONDS
    close_old_connections()
    with structlog.contextvars.bound_contextvars(lane=lane, job_id=_job_id()):
        _arrive(lane)
        while True:
            _clear_flag(lane)
            now, more = _slice(lane, time.monotonic() + SLICE_SECONDS)
            moved += now
            if more or lane not in LINGERING or time.monotonic() > until:
                break
            if not _wait_for_poke(lane):
                return moved
        if _leave(lane) or more:
            _clear_flag(lane)  # who set it may have poked us, and nobody hears it any more
            wake(lane)
    return moved


def _clear_flag(lane: str) -> None:
    try:
        redis_client().delete(_flag(lane))
    except redis.RedisError as error:
        log.warning("flag not cleared", extra={"lane": lane, "error": str(error)})


def _arrive(lane: str) -> None:
    with suppress(redis.RedisError):
        if lane in LINGERING:
            lingering.arrive(redis_client(), lane)


def _wait_for_poke(lane: str) -> bool:
    """Not while a job stands behind this one: it would wait as long as we do."""
    try:
        queue = Queue(lane, connection=redis_client(), serializer=JSONSerializer)
        return _leave(lane) if queue.count else lingering.wait_for_poke(lane)
    except redis.RedisError as error:
        log.warning("not lingering", extra={"lane": lane, "error": str(error)})
        return False


def _leave(lane: str) -> bool:
    """From now on a job has to be enqueued; whether somebody came just before."""
    try:
        return lane in LINGERING and lingering.leave(redis_client(), lane)
    except redis.RedisError:
        return True


def _slice(lane: str, deadline: float) -> tuple[int, bool]:
    """Run the lane's works in turn until all are empty or the time is up."""
    total = 0
    works = [work for work in lane_work if work.lane == lane]
    while works:
        moved = 0
        for work in works:
            moved += _run_one(work)
        total += moved
        if not moved:
            return total, False
        if time.monotonic() > deadline:
            return total, True
    return total, False


def _job_id() -> str:
    """Of the job that this process is at; "" outside of one."""
    job = get_current_job()
    return job.id if job else ""


def _run_one(work: LaneWork) -> int:
    """One batch; an error of one work must not starve the others of its lane."""
    began = time.monotonic()
    with structlog.contextvars.bound_contextvars(work=work.key, kind="work"):
        try:
            moved = _in_lane(work)
        except Exception as error:
            rates.ran(work.key, time.monotonic() - began, failed=True)
            log.exception("lane work failed", extra={"told": True})
            if not connection.in_atomic_block:
                connection.close()
            _tell("work", work.key, work.lane, error)
            return 0
    seconds = time.monotonic() - began
    if moved:  # idle looks would drown the others in the counts
        rates.ran(work.key, seconds, moved)
    tell_well(work.key, seconds)
    return moved


def _tell(kind: str, key: str, lane: str, error: Exception) -> bool:
    return tell(Failed(kind, key, lane, error, passing=isinstance(error, NOBODYS_FAULT)))


def _in_lane(work: LaneWork) -> int:
    mark = current_lane.set(work.lane)
    try:
        return work.run()
    finally:
        current_lane.reset(mark)


def drain(*lanes: str, rounds: int = 200) -> int:
    """Run lanes in this process until nothing is left. For tests, commands and the demo data."""
    total = 0
    for _ in range(rounds):
        moved = sum(
            _in_lane(work) for lane in (lanes or settings.LANES) for work in lane_work
            if work.lane == lane
        )  # fmt: skip
        total += moved
        if not moved:
            break
    return total


def run_periodic(key: str) -> None:
    """Body of a periodic chore's job.

    A failed one is kept as a failure and ends well for RQ, whose list would else fill with the
    same error; only where it cannot be kept does the job fail.
    """
    close_old_connections()
    began = time.monotonic()
    with structlog.contextvars.bound_contextvars(
        lane="slow", work=key, kind="chore", job_id=_job_id()
    ):
        try:
            periodic.get(key).run()
        except Exception as error:
            rates.ran(key, time.monotonic() - began, failed=True)
            log.exception("chore failed", extra={"told": True})
            if not connection.in_atomic_block:
                connection.close()
            if not _tell("chore", key, "slow", error):
                raise
            return
    seconds = time.monotonic() - began
    rates.ran(key, seconds)
    tell_well(key, seconds)


def enqueue_periodic(key: str) -> bool:
    """Ask the slow lane to do a chore. Never raises."""
    try:
        queue = Queue("slow", connection=redis_client(), serializer=JSONSerializer)
        queue.enqueue(
            run_periodic, key, result_ttl=0, failure_ttl=86400, ttl=600, job_timeout=JOB_SECONDS
        )
    except redis.RedisError as error:
        log.warning("chore not enqueued", extra={"chore": key, "error": str(error)})
        return False
    return True

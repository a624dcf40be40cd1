"""RQ's failed jobs: those that ended outside of what our own code can catch.

A worker that was killed, a job that hung, code that is gone. Only ids of lanes stand in them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import redis
from django.conf import settings
from rq import Queue
from rq.exceptions import DeserializationError, InvalidJobOperation, NoSuchJobError
from rq.job import Job
from rq.serializers import JSONSerializer

from csplatform.failures.models import Failure
from csplatform.kit import audit
from csplatform.kit.errors import Conflict, DomainError
from csplatform.kit.jobs import redis_client
from csplatform.kit.permissions import require
from csplatform.kit.redact import redact

CHANGE = "failures.change_failure"
MOST = 50
NO_REDIS = "Redis is away; try again when it is back."


@dataclass(frozen=True)
class FailedJob:
    """One job of RQ's failed list."""

    lane: str
    id: str
    what: str
    reason: str
    ended_at: datetime | None


@dataclass(frozen=True)
class FailedJobs:
    """The newest of them, how many there are, and whether Redis answered."""

    jobs: list[FailedJob]
    count: int
    there: bool = True


def failed_jobs() -> FailedJobs:
    """The newest failed jobs of all lanes."""
    found: list[FailedJob] = []
    count = 0
    try:
        for queue in _queues():
            registry = queue.failed_job_registry
            count += registry.get_job_count(cleanup=False)
            ids = registry.get_job_ids(0, MOST - 1, desc=True, cleanup=False)
            jobs = Job.fetch_many(ids, connection=queue.connection, serializer=JSONSerializer)
            found += [_told(queue.name, job) for job in jobs if job is not None]
    except redis.RedisError:
        return FailedJobs([], 0, there=False)
    newest = sorted(found, key=lambda job: str(job.ended_at), reverse=True)
    return FailedJobs(newest[:MOST], count)


def count_failed() -> int:
    """How many failed jobs there are; 0 while nobody can tell."""
    try:
        return sum(q.failed_job_registry.get_job_count(cleanup=False) for q in _queues())
    except redis.RedisError:
        return 0


def retry_job(lane: str, job_id: str, *, actor: Any) -> None:
    """Put a failed job back into its queue. Raises DomainError when it is gone."""
    _act("retry", lane, job_id, actor)


def delete_job(lane: str, job_id: str, *, actor: Any) -> None:
    """Forget a failed job. Raises DomainError when it is gone."""
    _act("delete", lane, job_id, actor)


def clear_jobs(*, actor: Any) -> int:
    """Forget all failed jobs; how many. Their work is in PostgreSQL, so none of it is lost."""
    require(actor, CHANGE)
    number = 0
    try:
        for queue in _queues():
            for job_id in queue.failed_job_registry.get_job_ids(cleanup=False):
                queue.failed_job_registry.remove(job_id, delete_job=True)
                number += 1
    except redis.RedisError as error:
        raise Conflict(NO_REDIS) from error
    _note("failed_jobs.clear", {"jobs": number}, actor)
    return number


def _act(what: str, lane: str, job_id: str, actor: Any) -> None:
    require(actor, CHANGE)
    if lane not in settings.LANES:
        raise DomainError("There is no such lane.", code="unknown")
    registry = _queue(lane).failed_job_registry
    try:
        if job_id not in registry.get_job_ids(cleanup=False):
            raise Conflict("This job is gone: somebody else dealt with it.")
        if what == "retry":
            registry.requeue(job_id)
        else:
            registry.remove(job_id, delete_job=True)
    except (NoSuchJobError, InvalidJobOperation) as error:
        raise Conflict("This job is gone: somebody else dealt with it.") from error
    except redis.RedisError as error:
        raise Conflict(NO_REDIS) from error
    _note(f"failed_job.{what}", {"job": job_id, "lane": lane}, actor)


def _note(verb: str, values: dict[str, Any], actor: Any) -> None:
    """On the audit trail, as something done at the desk: a job is no row of ours."""
    desk = Failure(pk=0, error_type="failed job", work=values.get("lane", "all lanes"))
    audit.record(actor, verb, desk, after=values)


def _queues() -> Iterator[Queue]:
    for lane in settings.LANES:
        yield _queue(lane)


def _queue(lane: str) -> Queue:
    return Queue(lane, connection=redis_client(), serializer=JSONSerializer)


def _told(lane: str, job: Job) -> FailedJob:
    try:
        what = " ".join([str(job.func_name).rpartition(".")[2], *map(str, job.args)])
    except (DeserializationError, TypeError, AttributeError):
        what = "unreadable"
    result = job.latest_result()
    text = redact((result.exc_string if result else "") or "").strip()
    return FailedJob(lane, job.id, what, text.rpartition("\n")[2][:300], job.ended_at)

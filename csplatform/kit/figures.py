"""The figures of the installation itself: queues, workers, scheduler, database."""

from collections.abc import Iterator
from datetime import date

from django.conf import settings
from django.db import connection
from rq import Queue
from rq.registry import FailedJobRegistry, StartedJobRegistry
from rq.worker_registration import WORKERS_BY_QUEUE_KEY

from csplatform.kit import heartbeat, sql
from csplatform.kit.clock import database_now
from csplatform.kit.jobs import lane_work, redis_client
from csplatform.kit.liveness import LEADER_LOCK
from csplatform.kit.metrics import Figures, Reading, gauges
from csplatform.kit.partitions import month_bounds, partitioned_tables


def queues() -> Iterator[Reading]:
    """Wake-up jobs of each lane, in one round trip. Not RQ's own counts: those tidy up first."""
    pipe = redis_client().pipeline(transaction=False)
    for lane in settings.LANES:
        pipe.llen(Queue.redis_queue_namespace_prefix + lane)
        pipe.zcard(StartedJobRegistry.key_template.format(lane))
        pipe.zcard(FailedJobRegistry.key_template.format(lane))
        pipe.scard(WORKERS_BY_QUEUE_KEY % lane)
    found = iter(pipe.execute())
    for lane in settings.LANES:
        for name in ("queued", "started", "failed"):
            yield Reading(f"csplatform_jobs_{name}", next(found), {"lane": lane})
        yield Reading("csplatform_workers", next(found), {"lane": lane})


def tick() -> Iterator[Reading]:
    """How long ago the scheduler ticked; nothing when it has not for a day."""
    age = heartbeat.age_seconds()
    if age is not None:
        yield Reading("csplatform_scheduler_tick_age_seconds", age)


def leader() -> Iterator[Reading]:
    """Whether some scheduler holds the leader's lock."""
    held = sql.one(
        "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted"
        " AND objsubid = 1 AND classid = 0 AND objid = %s"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
        [LEADER_LOCK],
    )
    yield Reading("csplatform_scheduler_leader", float(held))


def lanes() -> Iterator[Reading]:
    """Which works have something due; the looks that the scheduler itself takes."""
    for work in lane_work:
        yield Reading(
            "csplatform_work_pending", float(work.pending()), {"work": work.key, "lane": work.lane}
        )


def partitions() -> Iterator[Reading]:
    """For how many months after this one each partitioned table is prepared."""
    moment = database_now()
    rows = sql.rows(
        "SELECT p.relname, c.relname FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent"
        " JOIN pg_class c ON c.oid = i.inhrelid WHERE p.relname = ANY(%s)",
        [[table.name for table in partitioned_tables]],
    )
    there = {child for _, child in rows}
    for table in partitioned_tables:
        ahead = 0
        while f"{table.name}_{_month(month_bounds(moment, ahead + 1)[0])}" in there:
            ahead += 1
        yield Reading("csplatform_partitions_ahead_months", ahead, {"table": table.name})


def _month(start: date) -> str:
    return f"{start:%Y_%m}"


def database() -> Iterator[Reading]:
    """Size, and how many connections are taken of those that may be."""
    size, most = sql.rows(
        "SELECT pg_database_size(current_database()), current_setting('max_connections')::int"
    )[0]
    yield Reading("csplatform_database_bytes", size)
    yield Reading("csplatform_database_connections_max", most)
    for state, number in sql.rows(
        "SELECT coalesce(state, 'unknown'), count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() GROUP BY 1"
    ):
        yield Reading("csplatform_database_connections", number, {"state": state})
    version = connection.pg_version  # type: ignore[attr-defined]
    yield Reading("csplatform_database_version", version)


def register() -> None:
    """Called once at start."""
    gauges.register(
        "kit.queues",
        Figures(
            {
                "csplatform_jobs_queued": "Wake-up jobs that wait for a worker.",
                "csplatform_jobs_started": "Jobs at work.",
                "csplatform_jobs_failed": "Jobs in RQ's list of failed ones.",
                "csplatform_workers": "Workers that listen to a lane.",
            },
            queues,
            needs="redis",
        ),
    )
    gauges.register(
        "kit.tick",
        Figures(
            {"csplatform_scheduler_tick_age_seconds": "Seconds since the scheduler ticked."},
            tick,
            needs="redis",
        ),
    )
    gauges.register(
        "kit.leader", Figures({"csplatform_scheduler_leader": "1: a scheduler leads."}, leader)
    )
    gauges.register(
        "kit.lanes", Figures({"csplatform_work_pending": "1: something of it is due."}, lanes)
    )
    gauges.register(
        "kit.partitions",
        Figures(
            {"csplatform_partitions_ahead_months": "Months after this one that are prepared."},
            partitions,
        ),
    )
    gauges.register(
        "kit.database",
        Figures(
            {
                "csplatform_database_bytes": "Size of the database.",
                "csplatform_database_connections": "Connections to it, by state.",
                "csplatform_database_connections_max": "Connections that the server allows.",
                "csplatform_database_version": "Version of the server, e.g. 180001.",
            },
            database,
        ),
    )

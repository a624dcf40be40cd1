"""Is it alive, is it ready: for probes and for people."""

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse

from csplatform.kit import heartbeat, sql


def healthz(request: HttpRequest) -> JsonResponse:
    """200 while this process answers at all."""
    return JsonResponse({"status": "ok"})


def _database() -> str:
    try:
        sql.one("SELECT 1")
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return "migrations are missing"
    except DatabaseError as error:
        return str(error).splitlines()[0]
    return "ok"


def _redis() -> str:
    try:
        limit = settings.REDIS_TIMEOUT_SECONDS
        redis.from_url(
            settings.REDIS_URL, socket_timeout=limit, socket_connect_timeout=limit
        ).ping()
    except redis.RedisError as error:
        return str(error)
    return "ok"


def readyz(request: HttpRequest) -> JsonResponse:
    """200 when database, schema and Redis are there, else 503 with what is missing.

    `degraded` lists what is wrong without being a reason to send requests elsewhere.
    """
    parts = {"database": _database(), "redis": _redis()}
    ready = all(state == "ok" for state in parts.values())
    degraded = [complaint] if (complaint := heartbeat.complaint()) else []
    return JsonResponse(
        {"status": "ok" if ready else "not ready", **parts, "degraded": degraded},
        status=200 if ready else 503,
    )

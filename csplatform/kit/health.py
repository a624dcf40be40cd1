"""Is it alive, is it ready: for probes and for people."""

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from csplatform.kit import sql
from csplatform.kit.jobs import lane_work


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
    """200 when database, schema and Redis are there, else 503 with what is missing."""
    parts = {"database": _database(), "redis": _redis()}
    ready = all(state == "ok" for state in parts.values())
    return JsonResponse(
        {"status": "ok" if ready else "not ready", **parts}, status=200 if ready else 503
    )


def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus metrics of this process, and which lanes have work due."""
    lines = generate_latest()
    for work in lane_work:
        lines += f'csplatform_lane_pending{{work="{work.key}"}} {int(work.pending())}\n'.encode()
    return HttpResponse(lines, content_type=CONTENT_TYPE_LATEST)

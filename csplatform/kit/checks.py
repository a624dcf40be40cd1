"""System checks: are the servers new enough?"""

from typing import Any

import redis
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DatabaseError

from csplatform.kit import sql
from csplatform.kit.addresses import parse_allowed

MIN_POSTGRES = 150_000
# Older servers lack LMOVE, without which a killed worker can lose the job that it just took.
MIN_REDIS = (6, 2)


@register(Tags.database)
def postgres_version(databases: Any = None, **more: Any) -> list[CheckMessage]:
    """PostgreSQL 15 or newer; asked only when a command checks databases."""
    if not databases:
        return []
    try:
        version = int(sql.one("SHOW server_version_num"))
    except DatabaseError as error:
        return [Error(f"PostgreSQL cannot be asked: {str(error).splitlines()[0]}", id="kit.E001")]
    if version < MIN_POSTGRES:
        return [
            Error(f"PostgreSQL 15 or newer is needed, this is {version // 10000}", id="kit.E002")
        ]
    return []


@register(Tags.database)
def redis_version(databases: Any = None, **more: Any) -> list[CheckMessage]:
    """Redis 6.2 or newer, or Valkey. Away is a warning: nothing is lost, only slower."""
    if not databases:
        return []
    try:
        server = redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
        text = server.info("server")["redis_version"]
    except redis.RedisError as error:
        return [Warning(f"Redis cannot be asked: {error}", id="kit.W001")]
    if tuple(int(part) for part in text.split(".")[:2]) < MIN_REDIS:
        return [Error(f"Redis 6.2 or newer is needed, this is {text}", id="kit.E003")]
    return []


@register(Tags.security)
def outbound_allow(**more: Any) -> list[CheckMessage]:
    """OUTBOUND_ALLOW can be read."""
    try:
        parse_allowed(settings.OUTBOUND_ALLOW)
    except ValueError as error:
        return [Error(str(error), id="kit.E004")]
    return []

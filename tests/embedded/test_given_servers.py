"""The servers that the tests were given, embedded or external, do what the product asks of them."""

import pytest
from django.conf import settings
from django.db import connection
from redis import Redis
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from csplatform.kit import jobs
from csplatform.kit.jobs import wake  # before the fixture that silences it

pytestmark = [pytest.mark.smoke, pytest.mark.serial]
LANE = "slow"


@pytest.mark.django_db
def test_database_is_new_enough_and_without_just_in_time_compiling() -> None:
    """design.md 7: PostgreSQL 15 or newer, UTF-8, `jit=off` on every connection, no extension."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int >= 150000")
        assert cursor.fetchone() == (True,)
        cursor.execute("SELECT current_setting('jit'), current_setting('server_encoding')")
        assert cursor.fetchone() == ("off", "UTF8")
        cursor.execute("SELECT extname FROM pg_extension WHERE extname <> 'plpgsql'")
        assert cursor.fetchall() == []


def test_wake_up_travels_through_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wake-up reaches a worker of its lane once, and a second one is not queued beside it."""
    client = Redis.from_url(settings.REDIS_URL)
    queue = Queue(LANE, connection=client, serializer=JSONSerializer)
    queue.empty()
    client.delete(jobs._flag(LANE))
    looked: list[str] = []
    monkeypatch.setattr(jobs, "close_old_connections", lambda: None)
    monkeypatch.setattr(jobs, "_slice", lambda lane, until: (looked.append(lane) or 0, False))
    assert wake(LANE) is True
    assert wake(LANE) is False
    worker = SimpleWorker([queue], connection=client, serializer=JSONSerializer)
    worker.work(burst=True, logging_level="WARNING")
    assert looked == [LANE]
    assert client.get(jobs._flag(LANE)) is None
    queue.empty()

"""Probes: alive, ready, and what is wrong without being a reason to stop sending (OPS-03)."""

import os

import pytest
from django.test import Client

from csplatform.kit import heartbeat, jobs

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "_next", 0)
    monkeypatch.setattr(heartbeat, "KEY", f"test:scheduler:{os.getpid()}")
    jobs.redis_client().delete(heartbeat.KEY)


def test_it_is_ready_while_the_scheduler_ticks(client: Client) -> None:
    heartbeat.beat()
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "database": "ok", "redis": "ok", "degraded": []}
    assert client.get("/healthz").json() == {"status": "ok"}


def test_a_scheduler_that_is_late_degrades_it(client: Client) -> None:
    left = heartbeat._KEPT_MS - 45_000
    jobs.redis_client().set(heartbeat.KEY, 1, px=left)
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json()["degraded"] == ["the scheduler has not ticked for 45 s"]
    assert 44 < heartbeat.age_seconds() < 60


def test_a_scheduler_that_never_ticked_degrades_it(client: Client) -> None:
    assert client.get("/readyz").json()["degraded"] == ["the scheduler does not tick"]


def test_ticks_are_written_every_few_seconds_only(monkeypatch: pytest.MonkeyPatch) -> None:
    heartbeat.beat()
    jobs.redis_client().delete(heartbeat.KEY)
    heartbeat.beat()
    assert heartbeat.age_seconds() is None
    monkeypatch.setattr(heartbeat, "_next", 0)
    heartbeat.beat()
    assert heartbeat.age_seconds() < 1


def test_a_lost_redis_never_stops_the_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    away = jobs.redis.from_url("redis://127.0.0.1:1/0")
    monkeypatch.setattr(heartbeat, "redis_client", lambda: away)
    heartbeat.beat()
    assert heartbeat.complaint() == ""

"""Fixtures of all tests that use the database."""

from collections.abc import Callable, Iterator

import pytest
from django.core.cache import cache
from django.db import connection

from csplatform.kit import failing, jobs
from csplatform.kit.clock import now
from csplatform.kit.partitions import ensure_partitions, partitioned_tables
from journeys.engine import names, versions


@pytest.fixture(autouse=True)
def _fresh_memory() -> None:
    """Ids differ from test to test, so nothing that remembers them may survive one."""
    names.forget()
    versions.forget()
    cache.clear()


@pytest.fixture(autouse=True)
def _quiet_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wake-ups go nowhere unless a test starts workers: `run_lanes` does their work here. Errors
    are kept by the tests of that alone: the keeper commits on a connection of its own."""
    monkeypatch.setattr(jobs, "wake", lambda lane: False)
    monkeypatch.setattr(failing, "_on_failed", [])
    monkeypatch.setattr(failing, "_on_well", [])


@pytest.fixture
def run_lanes() -> Callable[..., int]:
    """Run lanes in this process until nothing is left: `run_lanes()` or `run_lanes("live")`."""
    return jobs.drain


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> None:
    """The partitions that `manage.py prepare` makes in an installation."""
    with django_db_blocker.unblock():
        ensure_partitions(now())


@pytest.fixture(autouse=True)
def _empty_partitioned_tables(request: pytest.FixtureRequest) -> Iterator[None]:
    """Django's flush after transactional tests knows managed tables only."""
    yield
    marker = request.node.get_closest_marker("django_db")
    if marker and marker.kwargs.get("transaction"):
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {', '.join(partitioned_tables.keys())} RESTART IDENTITY")

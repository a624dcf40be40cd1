"""The start says in a sentence which server is too old (OPS-01)."""

import pytest

from csplatform.kit import checks, sql

pytestmark = pytest.mark.django_db


def test_the_servers_of_the_tests_are_new_enough():
    """Real servers, no complaint."""
    assert checks.postgres_version(["default"]) == []
    assert checks.redis_version(["default"]) == []


def test_an_old_postgres_is_named(monkeypatch):
    """With the version that was found."""
    monkeypatch.setattr(sql, "one", lambda statement: "140011")
    assert [m.msg for m in checks.postgres_version(["default"])] == [
        "PostgreSQL 15 or newer is needed, this is 14"
    ]


def test_a_missing_redis_is_a_warning(settings):
    """Nothing is lost without it."""
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    found = checks.redis_version(["default"])
    assert [m.id for m in found] == ["kit.W001"]
    assert not found[0].is_serious()

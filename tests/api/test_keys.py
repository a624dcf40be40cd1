"""API keys and sessions (API-01, SEC-01)."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from csplatform.accounts.models import ApiKey
from csplatform.kit.clock import now
from tests import factories
from tests.api.conftest import Caller, make_key, problems

pytestmark = pytest.mark.django_db


def test_a_key_reads_as_its_user_and_its_use_is_noted_once_a_minute() -> None:
    key = make_key(factories.staff("admin"))
    row = ApiKey.objects.get()
    assert Caller(key).get("people/").status_code == 200
    row.refresh_from_db()
    first = row.last_used_at
    assert first is not None
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert Caller(key).get("people/").status_code == 200
    assert not [q for q in queries if q["sql"].startswith("UPDATE")]
    ApiKey.objects.update(last_used_at=now() - timedelta(minutes=2))
    Caller(key).get("people/")
    row.refresh_from_db()
    assert row.last_used_at is not None
    assert row.last_used_at > first


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer nonsense",
        "Bearer csp_00000000_" + "x" * 32,
        "Bearer csp_\x7f_é",
        "Bearer a b c",
        "bearer csp_00000000_" + "x" * 32,
    ],
)
def test_what_is_no_key_gets_401_in_the_common_shape(header: str) -> None:
    response = Client().get("/api/v1/people/", headers={"Authorization": header})
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"
    assert problems(response) == {"": "authentication_failed"}


def test_nobody_gets_401() -> None:
    response = Client().get("/api/v1/people/")
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "not_authenticated"


@pytest.mark.parametrize("change", ["revoked", "secret", "left", "other digest"])
def test_a_key_that_is_not_valid_any_more_is_refused(change: str) -> None:
    user = factories.staff("admin")
    key = make_key(user)
    if change == "revoked":
        ApiKey.objects.update(revoked_at=now())
    elif change == "secret":
        key = key[:-1] + ("A" if key[-1] != "A" else "B")
    elif change == "other digest":
        ApiKey.objects.update(digest="0" * 64)
    else:
        user.is_active = False
        user.save()
    assert Caller(key).get("people/").status_code == 401


def test_scopes_narrow_what_the_user_may() -> None:
    """Read, write and publish are three scopes; none gives more than the user's role."""
    user = factories.staff("admin")
    program = factories.program(publish=False)
    read, write = make_key(user, ["read"]), make_key(user, ["write"])
    assert Caller(read).get("segments/").status_code == 200
    assert problems(Caller(read).post("segments/", {"name": "A"})) == {"": "scope"}
    assert Caller(write).post("segments/", {"name": "A"}).status_code == 201
    assert problems(Caller(write).get("segments/")) == {"": "scope"}
    refused = Caller(write).post(f"programs/{program.pk}/publish/")
    assert refused.status_code == 403
    assert "publish" in refused.json()["error"]["message"]
    poor = Caller(make_key(factories.staff("read_only")))
    assert problems(poor.post("segments/", {"name": "B"})) == {"": "permission_denied"}


def test_trying_a_rule_needs_only_the_scope_to_read() -> None:
    key = make_key(factories.staff("analyst"), ["read"])
    assert Caller(key).post("segments/preview/", {"rule": {}}).status_code == 200


def test_a_session_needs_its_csrf_token_to_write() -> None:
    user = factories.staff("admin")
    client = Client(enforce_csrf_checks=True)
    client.force_login(user, backend="csplatform.accounts.backend.RoleBackend")
    body: dict[str, Any] = {"name": "A"}
    response = client.post("/api/v1/segments/", body, content_type="application/json")
    assert response.status_code == 403
    assert problems(response) == {"": "permission_denied"}
    token = "a" * 32
    client.cookies["csrftoken"] = token
    response = client.post(
        "/api/v1/segments/", body, content_type="application/json", headers={"X-CSRFToken": token}
    )
    assert response.status_code == 201

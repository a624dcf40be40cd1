"""Callers of the API: an admin's key, and keys and sessions of other roles."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.test import Client

from csplatform.accounts.models import ApiKey, User
from tests import factories

ALL_SCOPES = ("read", "write", "publish")


def make_key(user: User, scopes: Sequence[str] = ALL_SCOPES) -> str:
    """A key of a user, as shown once."""
    text, prefix, digest = ApiKey.generate()
    ApiKey.objects.create(name="Test", prefix=prefix, digest=digest, scopes=list(scopes), user=user)
    return text


class Caller:
    """A client of /api/v1/ that speaks JSON."""

    def __init__(self, key: str = "", user: User | None = None) -> None:
        self.client = Client(raise_request_exception=True)
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}
        if user is not None:
            self.client.force_login(user, backend="csplatform.accounts.backend.RoleBackend")

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """One request; path is relative to /api/v1/ unless it starts with a slash or scheme."""
        if not path.startswith(("/", "http")):
            path = f"/api/v1/{path}"
        more: dict[str, Any] = {"headers": {**self.headers, **headers}}
        if body is not None or method in ("post", "put", "patch"):
            more |= {"data": {} if body is None else body, "content_type": "application/json"}
        return getattr(self.client, method)(path, **more)

    def get(self, path: str, **headers: str) -> Any:
        """GET."""
        return self.call("get", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        """POST."""
        return self.call("post", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> Any:
        """PATCH."""
        return self.call("patch", path, body, **headers)

    def put(self, path: str, body: Any = None, **headers: str) -> Any:
        """PUT."""
        return self.call("put", path, body, **headers)

    def delete(self, path: str, **headers: str) -> Any:
        """DELETE."""
        return self.call("delete", path, **headers)


@pytest.fixture
def caller(db: None) -> Callable[..., Caller]:
    """A caller with a key: `caller("csm")`, `caller("admin", scopes=["read"])`."""

    def make(role: str = "admin", scopes: Sequence[str] = ALL_SCOPES) -> Caller:
        return Caller(make_key(factories.staff(role), scopes))

    return make


@pytest.fixture
def api(caller: Callable[..., Caller]) -> Caller:
    """An admin's key with all scopes."""
    return caller()


def problems(response: Any) -> dict[str, str]:
    """Path to code of an error answer, whose shape is checked on the way."""
    body = response.json()
    assert set(body) == {"error"}, body
    error = body["error"]
    assert set(error) == {"code", "message", "problems"}
    assert error["message"]
    for problem in error["problems"]:
        assert set(problem) == {"path", "code", "message"}
        assert problem["message"]
    return {problem["path"]: problem["code"] for problem in error["problems"]}

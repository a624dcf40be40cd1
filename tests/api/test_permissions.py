"""No address without a permission: every route is walked as several callers (SEC-01, API-01)."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.urls import get_resolver
from django.urls.resolvers import URLPattern

from csplatform.accounts.models import Role
from csplatform.accounts.roles import grants
from csplatform.api.permissions import scope_of
from csplatform.api.routes import Route, routes
from csplatform.api.viewsets import ApiViewSet, ReadViewSet
from csplatform.kit.registry import RegistrationError
from csplatform.segments.models import Segment
from tests import factories
from tests.api.conftest import Caller

pytestmark = pytest.mark.django_db


def addresses() -> Iterator[tuple[str, str, type[ApiViewSet], str]]:
    """(method, path with id 1, viewset, action) of every address under /api/v1/."""

    def walk(patterns: Any, prefix: str) -> Iterator[tuple[URLPattern, str]]:
        for item in patterns:
            place = prefix + str(item.pattern)
            if isinstance(item, URLPattern):
                yield item, place
            else:
                yield from walk(item.url_patterns, place)

    for item, place in walk(get_resolver().url_patterns, "/"):
        viewset = getattr(item.callback, "cls", None)
        if not place.startswith("/api/v1/") or viewset is None:
            continue
        path = re.sub(r"\(\?P<\w+>[^)]*\)", "1", place).replace("^", "").replace("/?$", "/")
        for method, action in item.callback.actions.items():
            yield method, path, viewset, action


ADDRESSES = sorted(
    {(method, path, action): viewset for method, path, viewset, action in addresses()}.items(),
    key=lambda item: item[0],
)
IDS = [f"{method} {path}" for (method, path, _), _ in ADDRESSES]


def test_the_walk_finds_the_addresses() -> None:
    paths = {path for (_, path, _), _ in ADDRESSES}
    assert len(ADDRESSES) > 60
    assert {"/api/v1/people/", "/api/v1/programs/1/publish/", "/api/v1/audit-entries/1/"} <= paths
    assert "/api/v1/segments/1/members/add/" in paths


def test_nobody_gets_in_anywhere() -> None:
    stranger = Caller()
    for (method, path, _), _ in ADDRESSES:
        response = stranger.call(method, path)
        assert response.status_code == 401, f"{method} {path}"


@pytest.mark.parametrize("role", ["read_only", "csm", "analyst", "agent", "program_manager"])
@pytest.mark.parametrize("how", ["key", "session"])
def test_each_role_gets_in_exactly_where_it_may(
    role: str, how: str, caller: Callable[..., Caller]
) -> None:
    """403 where the role lacks the permission that the view names, never elsewhere."""
    them = caller(role) if how == "key" else Caller(user=factories.staff(role))
    before = Segment.objects.count()
    for (method, path, action), viewset in ADDRESSES:
        allowed = grants(Role(role), viewset.permissions[action])
        response = them.call(method, path)
        if allowed:
            assert response.status_code != 403, f"{role}: {method} {path}"
        else:
            assert response.status_code == 403, f"{role}: {method} {path}"
    if role == "read_only":
        assert Segment.objects.count() == before


def test_reading_roles_write_nowhere_and_nobody_but_admins_sees_the_trail() -> None:
    for (method, path, action), viewset in ADDRESSES:
        permission = viewset.permissions[action]
        if method != "get" and grants(Role.READ_ONLY, permission):
            assert path.endswith(("/preview/", "/check/")), f"{method} {path}"
        if permission.startswith("accounts."):
            roles = [role for role in Role if grants(role, permission)]
            assert roles == [Role.ADMIN]


def test_each_permission_exists_and_has_a_scope() -> None:
    known = {f"{p.content_type.app_label}.{p.codename}" for p in Permission.objects.all()}
    for (_, _, action), viewset in ADDRESSES:
        assert viewset.permissions[action] in known
        assert scope_of(viewset.permissions[action]) in ("read", "write", "publish")


def test_a_view_without_a_permission_stops_the_start() -> None:
    class Careless(ReadViewSet):
        """Forgot one."""

        permissions = {"list": "segments.view_segment"}

    with pytest.raises(RegistrationError, match="retrieve"):
        routes.register("careless", Route("careless", Careless))
    assert "careless" not in routes

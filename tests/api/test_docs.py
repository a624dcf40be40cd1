"""The schema and the page to read it (API-01, DOC-01, SEC-02)."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client

from csplatform.api.routes import routes
from tests import factories
from tests.api.conftest import Caller

pytestmark = pytest.mark.django_db


def document(api: Caller) -> dict[str, Any]:
    """The OpenAPI document."""
    return json.loads(api.get("/api/schema/").content)


def test_the_schema_names_every_operation_with_its_errors(api: Caller) -> None:
    schema = document(api)
    assert schema["openapi"].startswith("3.")
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            place = f"{method} {path}"
            assert {"400", "401", "403", "429"} <= set(operation["responses"]), place
            assert operation["summary"], place
            assert operation["security"], place
            names = {p["name"] for p in operation.get("parameters", [])}
            if method == "post":
                assert "Idempotency-Key" in names, place
            if "{" in path:
                assert "404" in operation["responses"], place
    text = str(schema["paths"])
    assert "'examples'" in text
    assert {"apiKey", "cookieAuth"} <= set(schema["components"]["securitySchemes"])


def test_the_schema_is_not_for_strangers() -> None:
    assert Client().get("/api/schema/").status_code in (401, 403)
    page = Client().get("/api/docs/")
    assert page.status_code == 302


def test_the_page_keeps_the_strict_policy() -> None:
    """No inline script or style, every file from our own static files."""
    client = Client()
    client.force_login(factories.staff("analyst"), "csplatform.accounts.backend.RoleBackend")
    page = client.get("/api/docs/")
    assert page.status_code == 200
    policy = page["Content-Security-Policy"]
    assert "unsafe" not in policy
    text = page.content.decode()
    assert "<style" not in text
    assert "<script>" not in text
    for name in ("swagger-ui.css", "swagger-ui-bundle.js"):
        assert finders.find(f"drf_spectacular_sidecar/swagger-ui-dist/{name}")
    assert finders.find("api/docs.js")


def test_the_guide_names_every_resource() -> None:
    guide = (Path(settings.BASE_DIR) / "docs" / "api.md").read_text()
    for route in routes:
        name = route.prefix.split("/")[0]
        assert f"`/{name}/" in guide, name

"""The API's page in a real browser, under the strict Content-Security-Policy (API-01, SEC-02)."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "light"), (1280, "dark")])
def test_the_page_shows_the_resources_and_breaks_no_policy(
    chromium: Browser, live_server: Any, tmp_path: Path, client: Any, width: int, scheme: Any
) -> None:
    client.force_login(factories.staff(), backend="csplatform.accounts.backend.RoleBackend")
    context = chromium.new_context(
        base_url=live_server.url,
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
    )
    context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}]
    )
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto("/api/docs/")
    expect(page.locator(".opblock-tag").filter(has_text="people").first).to_be_visible(
        timeout=60_000
    )
    page.locator(".opblock-tag").filter(has_text="segments").first.click()
    preview = page.locator("#operations-segments-segments_preview_create")
    preview.locator(".opblock-summary-control").click()
    preview.get_by_role("button", name="Try it out").click()
    preview.locator("textarea").fill('{"rule": {}}')
    preview.get_by_role("button", name="Execute").click()
    expect(
        preview.locator(".live-responses-table tbody .response-col_status").first
    ).to_contain_text("200", timeout=30_000)
    page.screenshot(path=str(tmp_path / "docs.png"))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    context.close()
    assert problems == []

"""The system's Chromium for all tests of this folder."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.flow_pages import PATIENCE_MS, sign_in, watch

# Playwright keeps an event loop in this thread; the tests' own queries are synchronous.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A headless Chromium; the tests skip where there is none (in CI a skip is a failure)."""
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        refuse = pytest.fail if os.environ.get("REQUIRE_BROWSER") else pytest.skip
        refuse("no Chromium on this machine: install it, or name it in CHROMIUM")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def window(chromium: Browser) -> Iterator[BrowserContext]:
    """A window with storage of its own."""
    context = chromium.new_context()
    context.set_default_timeout(8000)
    yield context
    context.close()


@pytest.fixture
def tab(window: BrowserContext) -> Page:
    """One page of it."""
    return window.new_page()


@pytest.fixture
def problems() -> list[str]:
    """Errors of the scripts and the policy of `page`."""
    return []


@pytest.fixture
def page(window: BrowserContext, live_server: Any, problems: list[str]) -> Page:
    """A page of a program manager who is signed in."""
    expect.set_options(timeout=PATIENCE_MS)
    window.set_default_timeout(PATIENCE_MS)
    sign_in(window, live_server)
    found = window.new_page()
    watch(found, problems)
    return found

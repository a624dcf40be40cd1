"""How tests drive the flow editor: signing in, opening it, adding steps."""

from typing import Any

from django.test import Client
from django.urls import reverse
from playwright.sync_api import BrowserContext, Page, expect

from journeys.models import Program
from tests import factories as make

SAVED = "All changes saved"
PATIENCE_MS = 20_000  # the suite's other tests keep the machine busy


def sign_in(window: BrowserContext, live_server: Any, role: str = "program_manager") -> None:
    """The session of a member of staff, without typing the password each time."""
    client = Client()
    client.force_login(make.staff(role))
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value}
    window.add_cookies([{**cookie, "url": live_server.url}])


def watch(page: Page, problems: list[str]) -> None:
    """Note errors of the page's scripts and its policy."""
    page.on("pageerror", lambda error: problems.append(f"{error} {error.stack}"))
    page.on(
        "console",
        lambda line: problems.append(line.text) if "Content Security" in line.text else None,
    )


def open_flow(page: Page, live_server: Any, program: Program) -> None:
    """The editor, ready."""
    page.goto(live_server.url + reverse("admin:journeys_program_flow", args=[program.pk]))
    expect(page.locator("#flow-editor[data-ready]")).to_be_visible()


def card(page: Page, title: str) -> Any:
    """The card of a step by its name."""
    return page.locator(".fl-card", has=page.locator(".fl-title", has_text=title)).first


def saved(page: Page) -> None:
    """What was typed is sent after a short pause; wait for it."""
    page.wait_for_timeout(450)
    expect(page.locator("#flow-saved")).to_have_text(SAVED)


def kinds(steps: list[dict[str, Any]]) -> list[Any]:
    """The shape of a flow: kind, or (kind, paths)."""
    return [
        (s["kind"], {key: kinds(inner) for key, inner in s["exits"].items()})
        if s.get("exits")
        else s["kind"]
        for s in steps
    ]


def shape(program: Program) -> list[Any]:
    """The shape of the stored draft."""
    program.refresh_from_db()
    return kinds(program.draft["steps"])

"""The builder of engagements in a real Chromium (ENG-02, ENG-03)."""

from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from engagements.models import Engagement
from tests.engagements.make import admin, engagement, person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def builder(window: BrowserContext, live_server: Any, client: Any) -> Page:
    """The builder of a draft, opened by a signed-in admin."""
    person()
    shown = engagement(launched=False)
    client.force_login(admin())
    cookie = client.cookies["sessionid"].value
    window.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    tab = window.new_page()
    tab.errors = []  # type: ignore[attr-defined]
    tab.on("pageerror", lambda error: tab.errors.append(str(error)))  # type: ignore[attr-defined]
    tab.goto(f"{live_server.url}/admin/engagements/engagement/{shown.pk}/change/")
    return tab


def test_typing_is_seen_at_once_and_keeps_the_focus(builder: Page) -> None:
    """ENG-02: live preview by the tracker's own renderer; it never takes the focus."""
    preview = builder.frame_locator(".eb-frame")
    expect(preview.get_by_role("heading")).to_have_text("Welcome, Ann")
    field = builder.get_by_label("Text", exact=True).first
    builder.evaluate("window.lost = 0; addEventListener('blur', () => { window.lost += 1; })")
    field.fill("")
    field.press_sequentially("Hello there, dear reader", delay=60)
    expect(field).to_have_value("Hello there, dear reader")
    expect(field).to_be_focused()
    expect(preview.get_by_role("heading")).to_have_text("Hello there, dear reader")
    assert builder.evaluate("window.lost") == 0
    assert builder.errors == []  # type: ignore[attr-defined]


def test_blocks_are_added_moved_and_launched(builder: Page) -> None:
    """ENG-02, ENG-03: from a starter to launched with the keyboard's and mouse's means."""
    cards = builder.locator(".bl-card")
    expect(cards).to_have_count(4)
    builder.locator(".bl-adders").get_by_role("button", name="List").click()
    expect(cards).to_have_count(5)
    items = cards.nth(4).get_by_label("Items", exact=True)
    expect(items).to_be_focused()
    items.fill("One\nTwo {{ person.nobody }}")
    expect(cards.nth(4).get_by_role("alert")).to_contain_text("person.nobody")
    items.fill("One\nTwo")
    expect(cards.nth(4).get_by_role("alert")).to_have_count(0)
    cards.nth(4).get_by_role("button", name="Move up").click()
    cards.nth(3).get_by_role("button", name="Move up").click()
    builder.get_by_label("Shown as").select_option("top")
    preview = builder.frame_locator(".eb-frame")
    expect(preview.locator("section.top li")).to_have_count(2)
    builder.get_by_role("button", name="Save and launch").click()
    expect(builder.get_by_text("Launched. It can be chosen in programs now.")).to_be_visible()
    shown = Engagement.objects.get()
    assert shown.state == "launched"
    assert shown.content is not None
    assert shown.content["view"] == "top"
    assert [block["kind"] for block in shown.content["blocks"]][:3] == ["heading", "text", "list"]


def test_tokens_and_moves_by_keyboard(builder: Page) -> None:
    """ENG-02: the token menu writes at the caret; Alt with an arrow moves the block."""
    heading = builder.locator(".bl-card").nth(0).locator("[data-field=text]")
    heading.fill("Hi ")
    button = builder.get_by_role("button", name="Insert a token into Text", exact=True).first
    button.press("Enter")
    builder.get_by_role("searchbox", name="Find a token").fill("no token is called so")
    expect(builder.get_by_text("There is no such token.")).to_be_visible()
    builder.get_by_role("searchbox", name="Find a token").fill("")
    builder.keyboard.press("Escape")
    expect(heading).to_be_focused()
    button.press("Enter")
    builder.get_by_role("searchbox", name="Find a token").fill("company name")
    builder.keyboard.press("Enter")
    expect(heading).to_have_value("Hi {{ company.name }}")
    heading.press("Alt+ArrowDown")
    moved = builder.locator(".bl-card").nth(1).locator("[data-field=text]")
    expect(moved).to_have_value("Hi {{ company.name }}")
    expect(moved).to_be_focused()
    expect(builder.get_by_text("Moved to place 2 of 4.")).to_be_attached()
    assert builder.errors == []  # type: ignore[attr-defined]


def test_the_preview_answers_like_the_real_one(builder: Page) -> None:
    """ENG-02: pressing a button in the preview says what it would count as."""
    builder.locator(".eb-stage").hover()
    builder.frame_locator(".eb-frame").get_by_role("button", name="Show me").click()
    expect(builder.locator(".eb-said")).to_have_text("“Show me” counts as completed.")

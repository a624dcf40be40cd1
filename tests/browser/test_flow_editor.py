"""The flow editor in a real Chromium: by mouse, by keyboard, in two windows, on a phone."""

from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from journeys.models import Program
from tests import factories as make
from tests.browser.flow_pages import (
    PATIENCE_MS,
    SAVED,
    card,
    kinds,
    open_flow,
    saved,
    sign_in,
    watch,
)

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def add(page: Page, plus: Any, search: str, title: str) -> None:
    """Press a "+", search the palette, take the first; the new step's panel opens."""
    plus.click()
    page.locator("#flow-palette input").fill(search)
    page.keyboard.press("Enter")
    expect(page.locator("#flow-panel h2")).to_have_text(title)
    expect(page.locator("#flow-saved")).to_have_text(SAVED)


def last_plus(page: Page) -> Any:
    return page.locator(".fl-flow > .fl-col > .fl-gap .fl-plus").last


def test_a_program_is_built_by_keyboard_alone(page, live_server, problems):
    """Arrows, Enter, +, Delete, Alt+arrows, copy and paste, undo and redo; no mouse."""
    program = make.program(publish=False)
    open_flow(page, live_server, program)
    keys = page.keyboard

    def shape() -> list[Any]:
        expect(page.locator("#flow-saved")).to_have_text(SAVED)
        return kinds(Program.objects.get().draft["steps"])

    def add_here(word: str, title: str) -> None:
        keys.press("+")
        keys.type(word)
        keys.press("Enter")
        expect(page.locator("#flow-panel h2")).to_have_text(title)
        keys.press("Escape")
        expect(card(page, title)).to_be_focused()

    page.locator(".fl-card.fl-entry").focus()
    add_here("wait timer", "Wait timer")
    add_here("split", "Split")
    assert shape() == ["wait_timer", ("split", {"a": [], "b": []})]

    keys.press("Tab")  # its menu button is no stop; the next one is the "+" of the first path
    expect(page.locator('.fl-branch[data-exit="a"] .fl-plus')).to_be_focused()
    keys.press("Enter")
    keys.type("exit")
    keys.press("Enter")
    expect(page.locator("#flow-panel h2")).to_have_text("Exit")
    keys.press("Escape")
    assert shape() == ["wait_timer", ("split", {"a": ["exit"], "b": []})]

    keys.press("ArrowUp")
    expect(card(page, "Split")).to_be_focused()
    keys.press("ArrowUp")
    expect(card(page, "Wait timer")).to_be_focused()
    keys.press("Alt+ArrowDown")
    expect(card(page, "Wait timer")).to_be_focused()
    assert shape() == [("split", {"a": ["exit"], "b": []}), "wait_timer"]

    keys.press("Control+c")
    keys.press("Control+v")
    assert shape() == [("split", {"a": ["exit"], "b": []}), "wait_timer", "wait_timer"]
    keys.press("Delete")
    assert shape() == [("split", {"a": ["exit"], "b": []}), "wait_timer"]
    keys.press("Control+z")
    assert shape()[-2:] == ["wait_timer", "wait_timer"]
    keys.press("Control+y")
    assert shape() == [("split", {"a": ["exit"], "b": []}), "wait_timer"]

    card(page, "Split").focus()
    keys.press("m")
    expect(page.locator("#flow-hint")).to_contain_text("Choose a “+”")
    keys.press("Escape")
    expect(page.locator("#flow-hint")).to_be_hidden()
    keys.press("Enter")
    expect(page.locator("#flow-panel h2")).to_have_text("Split")
    expect(page.locator("[data-name=label] input").first).to_be_focused()
    keys.press("Control+a")
    keys.type("Gets it")
    saved(page)
    expect(page.locator(".fl-label").first).to_contain_text("Gets it")
    keys.press("Escape")
    keys.press("?")
    expect(page.locator("#flow-keys")).to_be_visible()
    assert problems == []


def test_dragging_a_step_onto_a_plus_moves_it(page, live_server, problems):
    program = make.program(
        make.step("wait_timer", "w1", name="First"),
        make.step("split", "sp", groups=[{"key": "a", "label": "A", "percent": 50},
                                         {"key": "b", "label": "B", "percent": 50}],
                  exits={"a": [], "b": []}),
        publish=False,
    )  # fmt: skip
    open_flow(page, live_server, program)
    page.set_viewport_size({"width": 1300, "height": 1000})
    target = page.locator('.fl-branch[data-exit="b"] .fl-plus')
    card(page, "First").hover()
    page.mouse.down()
    for _ in range(3):  # a drop counts only after the target was hovered for a while
        target.hover(force=True)
    page.mouse.up()
    expect(page.locator('.fl-branch[data-exit="b"] .fl-card')).to_contain_text("First")
    program.refresh_from_db()
    assert kinds(program.draft["steps"]) == [("split", {"a": [], "b": ["wait_timer"]})]
    assert problems == []


def test_deleting_offers_undo_and_keeping_a_path(page, live_server):
    inner = make.step("wait_timer", "w1", name="Kept")
    fork = make.step("if_else", "ie", name="Fork", exits={"yes": [inner], "else": []})
    program = make.program(fork, publish=False)
    open_flow(page, live_server, program)
    card(page, "Fork").hover()
    page.get_by_role("button", name="More for “Fork”").click()
    page.get_by_role("menuitem", name="Delete, keep the path “Yes”").click()
    expect(card(page, "Fork")).to_have_count(0)
    expect(card(page, "Kept")).to_be_visible()
    page.locator("#flow-toast button").click()
    expect(card(page, "Fork")).to_be_visible()
    expect(page.locator("#flow-saved")).to_have_text(SAVED)
    program.refresh_from_db()
    assert kinds(program.draft["steps"]) == [("if_else", {"yes": ["wait_timer"], "else": []})]


@pytest.mark.parametrize("choice", ["theirs", "mine", "copy"])
def test_two_windows_conflict_and_nothing_is_lost(page, window, live_server, problems, choice):
    program = make.program(make.step("wait_timer", "w1", name="Pause"), publish=False)
    other = window.new_page()
    watch(other, problems)
    open_flow(page, live_server, program)
    open_flow(other, live_server, program)
    card(page, "Pause").click()
    page.locator("[data-step-name]").fill("Theirs")
    saved(page)
    card(other, "Pause").click()
    other.locator("[data-step-name]").fill("Mine")
    dialog = other.locator("#flow-conflict")
    expect(dialog).to_contain_text("This flow was changed elsewhere")
    dialog.locator(f"[data-choice={choice}]").click()

    def names() -> list[str]:
        program.refresh_from_db()
        return [step["name"] for step in program.draft["steps"]]

    if choice == "copy":
        expect(card(other, "Mine")).to_be_visible()
        other.wait_for_url("**/flow/")
        assert names() == ["Theirs"]
        assert (
            Program.objects.get(name__endswith="(my changes)").draft["steps"][0]["name"] == "Mine"
        )
        return
    shown, hidden = ("Theirs", "Mine") if choice == "theirs" else ("Mine", "Theirs")
    expect(card(other, shown)).to_be_visible()
    expect(other.locator("#flow-saved")).to_have_text(SAVED)
    assert names() == [shown]
    other.locator("[data-do=undo]").click()
    expect(card(other, hidden)).to_be_visible()
    expect(other.locator("#flow-saved")).to_have_text(SAVED)
    assert names() == [hidden]
    assert problems == []


def test_a_phone_shows_paths_one_below_the_other(chromium: Browser, live_server, problems):
    """390 px: nothing sticks out, the panel comes up from below, a step can be added."""
    window = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    window.set_default_timeout(PATIENCE_MS)
    sign_in(window, live_server)
    page = window.new_page()
    watch(page, problems)
    program = make.program(
        make.step("if_else", "ie", name="Fork", exits={
            "yes": [make.step("wait_timer", "w1", name="Left")],
            "else": [make.step("wait_timer", "w2", name="Right")]}),
        publish=False,
    )  # fmt: skip
    open_flow(page, live_server, program)
    left, right = card(page, "Left").bounding_box(), card(page, "Right").bounding_box()
    assert right["y"] > left["y"] + left["height"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    add(page, last_plus(page), "exit", "Exit")
    box = page.locator("#flow-panel").bounding_box()
    assert box["width"] == 390
    assert box["y"] + box["height"] == 844
    page.locator("#flow-panel [data-do=close]").click()
    expect(card(page, "Exit")).to_be_visible()
    for name in ("snapshot", "participants", "versions"):
        page.goto(live_server.url + reverse(f"admin:journeys_program_{name}", args=[program.pk]))
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
    assert problems == []
    window.close()


def test_readers_look_but_cannot_touch(window, live_server, problems):
    sign_in(window, live_server, "analyst")
    page = window.new_page()
    watch(page, problems)
    program = make.program(make.step("wait_timer", "w1", name="Pause"), publish=False)
    open_flow(page, live_server, program)
    assert page.locator(".fl-plus").count() == 0
    card(page, "Pause").click()
    expect(page.locator("[data-step-name]")).to_be_disabled()
    expect(page.locator("#flow-saved")).to_have_text("Read only")
    assert problems == []

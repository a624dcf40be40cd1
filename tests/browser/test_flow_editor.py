"""The flow editor in a real Chromium: by mouse, by keyboard, in two windows, on a phone."""

import re
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext, Page, expect

from csplatform.customers.models import AttributeDefinition
from journeys.models import Participant, Program
from journeys.operations.enroll import enroll
from tests import factories as make
from tests.browser.flow_pages import SAVED, card, kinds, open_flow, saved, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PATIENCE_MS = 20_000  # the suite's other tests keep the machine busy
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
def problems() -> list[str]:
    """Errors of the page's scripts and its policy."""
    return []


@pytest.fixture
def page(window: BrowserContext, live_server: Any, problems: list[str]) -> Page:
    window.set_default_timeout(PATIENCE_MS)
    sign_in(window, live_server)
    found = window.new_page()
    watch(found, problems)
    return found


def watch(page: Page, problems: list[str]) -> None:
    page.on("pageerror", lambda error: problems.append(f"{error} {error.stack}"))
    page.on(
        "console",
        lambda line: problems.append(line.text) if "Content Security" in line.text else None,
    )


def add(page: Page, plus: Any, search: str, title: str) -> None:
    """Press a "+", search the palette, take the first; the new step's panel opens."""
    plus.click()
    page.locator("#flow-palette input").fill(search)
    page.keyboard.press("Enter")
    expect(page.locator("#flow-panel h2")).to_have_text(title)
    expect(page.locator("#flow-saved")).to_have_text(SAVED)


def last_plus(page: Page) -> Any:
    return page.locator(".fl-flow > .fl-col > .fl-gap .fl-plus").last


def test_a_welcome_program_is_built_by_mouse_and_travelled(page, live_server, run_lanes, problems):
    """Mail, wait, conditional wait, if/else, attribute; published from the dialog; Ann enters."""
    mail = make.mail_template(name="Welcome to Acme")
    AttributeDefinition.objects.create(
        subject="person", name="plan", label="Plan", type="choice", choices=["free", "pro"]
    )
    page.goto(live_server.url + reverse("admin:journeys_program_add") + "?model=journey")
    page.fill("[name=name]", "Welcome")
    page.click("[name=_save]")
    expect(page.locator("#flow-editor[data-ready]")).to_be_visible()
    expect(page.locator(".fl-status")).to_contain_text("1 problem")

    add(page, last_plus(page), "send email", "Send email")
    expect(page.locator("#flow-panel")).to_contain_text("Choose the mail to send.")
    page.locator("[data-name=template] select").select_option(label="Welcome to Acme")
    saved(page)
    expect(card(page, "Send email")).to_contain_text("Sends “Welcome to Acme” to the person")
    expect(page.locator("#flow-panel [data-sentence]")).to_have_text(
        "Sends “Welcome to Acme” to the person"
    )
    add(page, last_plus(page), "wait timer", "Wait timer")
    page.locator("[data-name=amount] input").fill("0")
    saved(page)
    expect(card(page, "Wait timer")).to_have_class(re.compile("has-error"))
    page.locator("[data-name=amount] input").fill("2")
    saved(page)
    expect(card(page, "Wait timer")).to_contain_text("Waits 2 days")

    add(page, last_plus(page), "conditional", "Conditional wait")
    page.get_by_role("button", name="Add condition").click()
    page.locator("[data-what]").select_option(label="“Send email”: opened")
    saved(page)
    expect(card(page, "Conditional wait")).to_contain_text("“Send email”: opened, at most 3 days")

    add(page, page.locator('.fl-branch[data-exit="not_met"] .fl-plus').first, "if", "If / else")
    page.locator("[data-name=label] input").fill("Admins")
    page.get_by_role("button", name="Add a test").click()
    saved(page)
    expect(page.locator(".fl-label", has_text="Admins")).to_be_visible()

    inner = page.locator('.fl-branch[data-exit="not_met"] .fl-branch[data-exit="else"] .fl-plus')
    add(page, inner.first, "set attribute", "Set attribute")
    page.locator("[data-name=attribute] select").select_option("plan")
    page.locator("[data-attribute]").select_option("pro")
    saved(page)
    expect(card(page, "Set attribute")).to_contain_text("Sets plan = “pro”")

    program = Program.objects.get()
    assert kinds(program.draft["steps"]) == [
        "send_email",
        "wait_timer",
        ("conditional_wait", {"met": [],
                              "not_met": [("if_else", {"yes": [], "else": ["set_attribute"]})]}),
    ]  # fmt: skip
    assert program.draft["steps"][0]["config"] == {"template": mail.pk}
    # Whatever the rule builder left half done is repaired through the document, as an import would.
    fork = program.draft["steps"][2]["exits"]["not_met"][0]
    fork["config"]["paths"][0]["rule"] = {
        "all": [{"test": "attribute", "name": "role", "operator": "equals", "value": "admin"}]
    }
    program.save()
    page.reload()
    expect(page.locator("#flow-editor[data-ready]")).to_be_visible()
    page.get_by_role("button", name="Publish…").click()
    expect(page.locator("#flow-life")).to_contain_text("Nobody enters by itself")
    page.get_by_role("button", name="Publish now").click()
    expect(page.get_by_text("Published version 1").first).to_be_visible()
    ann = make.person(name="Ann")
    assert enroll(program.pk, [ann.pk], actor=None).entered == 1
    run_lanes()
    page.reload()
    expect(card(page, "Send email")).to_contain_text("1 done")
    expect(card(page, "Wait timer")).to_contain_text("1 waiting")
    card(page, "Wait timer").get_by_text("waiting").click()
    expect(page.locator(".is-people")).to_contain_text("Ann")
    page.get_by_role("link", name="Ann").click()
    expect(page.locator(".fl-feed")).to_contain_text("Entered the program")
    assert Participant.objects.get().state == "active"
    assert problems == []


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

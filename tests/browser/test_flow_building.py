"""A welcome program, from an empty canvas to who travels it: once by mouse, once by keys."""

import re
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from csplatform.customers.models import AttributeDefinition, ExternalId
from engagements.models import Engagement
from journeys.models import Program
from journeys.operations.enroll import enroll
from tests import factories as make
from tests.browser.flow_pages import SAVED, card, kinds, saved
from tests.engagements.make import engagement

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SHAPE = [
    "send_email", "wait_timer", "trigger_engagement",
    ("conditional_wait", {
        "met": [],
        "not_met": [("if_else", {"yes": ["set_attribute"], "else": []})],
    }),
]  # fmt: skip


@pytest.fixture
def page(page: Page, live_server: Any) -> Page:
    """An empty canvas."""
    make.mail_template(name="Welcome to Acme")
    engagement(name="First steps")
    AttributeDefinition.objects.create(
        subject="person", name="plan", label="Plan", type="choice", choices=["free", "pro"]
    )
    page.goto(live_server.url + reverse("admin:journeys_program_add") + "?model=journey")
    page.fill("[name=name]", "Welcome")
    page.click("[name=_save]")
    expect(page.locator("#flow-editor[data-ready]")).to_be_visible()
    return page


def configs(program: Program) -> dict[str, Any]:
    """Settings by kind of step."""
    found: dict[str, Any] = {}

    def collect(steps: list[dict[str, Any]]) -> None:
        for step in steps:
            found[step["kind"]] = step["config"]
            for inner in step.get("exits", {}).values():
                collect(inner)

    collect(program.draft["steps"])
    return found


def is_as_meant() -> Program:
    """The draft has this shape and these settings, whoever built it."""
    program = Program.objects.get()
    assert kinds(program.draft["steps"]) == SHAPE
    found = configs(program)
    assert found["wait_timer"]["amount"] == 2
    assert found["wait_timer"]["unit"] == "hours"
    assert found["trigger_engagement"]["engagement"] == Engagement.objects.get().pk
    condition = found["conditional_wait"]["conditions"][0]
    assert (condition["type"], condition["event"]) == ("event", "completed")
    assert found["if_else"]["paths"][0]["rule"] == {
        "all": [{"test": "attribute", "name": "role", "operator": "equals", "value": "admin"}]
    }
    assert found["set_attribute"] == {"attribute": "plan", "value": "pro"}
    return program


def publish_and_travel(page: Page, program: Program, run_lanes: Any) -> None:
    """Published through the dialog; one person enters and the cards count her by themselves."""
    page.get_by_role("button", name="Publish…").click()
    expect(page.locator("#flow-life")).to_contain_text("First steps")
    page.locator("#flow-life").get_by_role("button", name=re.compile("^Publish")).last.click()
    expect(page.get_by_text("Published version 1").first).to_be_visible()
    ann = make.person(name="Ann")
    ExternalId.objects.create(person=ann, kind="user_id", value="u-ann")
    assert enroll(program.pk, [ann.pk], actor=None).entered == 1
    run_lanes()
    page.goto(page.url.replace("/snapshot/", "/flow/"))
    expect(card(page, "Send email")).to_contain_text("1 done")
    expect(card(page, "Wait timer")).to_contain_text("1 waiting")
    card(page, "Wait timer").get_by_text("waiting").click()
    expect(page.locator(".is-people")).to_contain_text("Ann")
    page.get_by_role("link", name="Ann").click()
    expect(page.locator(".fl-feed")).to_contain_text("Entered the program")


def test_it_is_built_with_the_mouse(page, run_lanes, problems):
    """PRG-04: every setting chosen in the panel."""

    def add(plus: Any, kind: str) -> None:
        plus.click()
        page.locator("#flow-palette .fl-choice", has=page.get_by_text(kind, exact=True)).click()
        expect(page.locator("#flow-panel h2")).to_have_text(kind)
        expect(page.locator("#flow-saved")).to_have_text(SAVED)

    def last() -> Any:
        return page.locator(".fl-flow > .fl-col > .fl-gap .fl-plus").last

    def path(name: str) -> Any:
        return page.locator(f'.fl-branch[data-exit="{name}"] .fl-plus').first

    add(last(), "Send email")
    page.locator("[data-name=template] select").select_option(label="Welcome to Acme")
    saved(page)
    add(last(), "Wait timer")
    page.locator("[data-name=amount] input").fill("0")
    saved(page)
    expect(card(page, "Wait timer")).to_have_class(re.compile("has-error"))
    page.locator("[data-name=amount] input").fill("2")
    page.locator("[data-name=unit] select").select_option("hours")
    saved(page)
    expect(card(page, "Wait timer")).to_contain_text("Waits 2 hours")
    add(last(), "Trigger engagement")
    expect(card(page, "Trigger engagement")).to_contain_text("Choose the engagement to show.")
    page.locator("[data-name=engagement] select").select_option(label="First steps")
    saved(page)
    add(last(), "Conditional wait")
    page.get_by_role("button", name="Add condition").click()
    page.locator("[data-what]").select_option(label="“Trigger engagement”: completed")
    saved(page)
    add(path("not_met"), "If / else")
    page.get_by_role("button", name="Add a test").click()
    page.get_by_label("Attribute", exact=True).select_option("role")
    page.get_by_label("Value", exact=True).fill("admin")
    saved(page)
    add(path("yes"), "Set attribute")
    page.locator("[data-name=attribute] select").select_option("plan")
    page.locator("[data-attribute]").select_option("pro")
    saved(page)
    assert page.locator(".has-error").count() == 0
    publish_and_travel(page, is_as_meant(), run_lanes)
    assert problems == []


def test_it_is_built_with_the_keyboard_alone(page, run_lanes, problems):
    """ADM-01: no pointer; the cursor goes where one works on."""
    keys = page.keyboard

    def choose(word: str, title: str) -> None:
        keys.type(word)
        keys.press("Enter")
        expect(page.locator("#flow-panel h2")).to_have_text(title)
        expect(page.locator("#flow-saved")).to_have_text(SAVED)

    def back_to(title: str) -> None:
        saved(page)
        keys.press("Escape")
        expect(card(page, title)).to_be_focused()

    def tab_to(place: Any, limit: int = 12) -> None:
        for _ in range(limit):
            if place.evaluate("element => element === document.activeElement"):
                return
            keys.press("Tab")
        expect(place).to_be_focused()

    tab_to(page.locator(".fl-card.fl-entry"), 60)
    keys.press("+")
    choose("send email", "Send email")
    expect(page.locator("[data-name=template] select")).to_be_focused()
    keys.type("Welcome")
    back_to("Send email")
    keys.press("+")
    choose("timer", "Wait timer")
    tab_to(page.locator("[data-name=amount] input"))
    keys.press("Control+a")
    keys.type("2")
    keys.press("Tab")
    keys.type("Hours")
    back_to("Wait timer")
    keys.press("+")
    choose("engagement", "Trigger engagement")
    keys.type("First")
    back_to("Trigger engagement")
    keys.press("+")
    choose("conditional", "Conditional wait")
    tab_to(page.get_by_role("button", name="Add condition"))
    keys.press("Enter")
    expect(page.locator("[data-what]")).to_be_focused()
    for _ in range(3):  # viewed, not viewed, completed
        keys.press("ArrowDown")
    back_to("Conditional wait")
    tab_to(page.locator('.fl-branch[data-exit="not_met"] .fl-plus').first)
    keys.press("Enter")
    choose("if / else", "If / else")
    tab_to(page.get_by_role("button", name="Add a test"))
    keys.press("Enter")
    expect(page.get_by_label("Attribute", exact=True)).to_be_focused()
    keys.type("Role")
    tab_to(page.get_by_label("Value", exact=True))
    keys.type("admin")
    back_to("If / else")
    tab_to(page.locator('.fl-branch[data-exit="yes"] .fl-plus').first)
    keys.press("Enter")
    choose("set attribute", "Set attribute")
    keys.type("Plan")
    keys.press("Tab")
    keys.type("pro")
    back_to("Set attribute")
    publish_and_travel(page, is_as_meant(), run_lanes)
    assert problems == []

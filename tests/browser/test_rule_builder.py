"""RUL-02 in a real Chromium: the rule builder in the admin's form."""

import json
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Page, expect

from csplatform.customers.models import AttributeDefinition, EventName
from csplatform.segments.models import Segment
from tests.factories import company, person, staff

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def form(tab: Page, live_server: Any) -> Page:
    """The page that adds a segment, signed in; a script error or refused script fails the test."""
    client = Client()
    client.force_login(staff("program_manager"))
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    tab.context.add_cookies(
        [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}]
    )
    errors: list[str] = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on("console", lambda m: errors.append(m.text) if "Content Security" in m.text else None)
    acme = company(arr=5000)
    person(name="Ann", role="admin", at=acme)
    person(name="Bob", role="user")
    EventName.objects.create(name="login")
    AttributeDefinition.objects.create(
        subject="person", name="plan", label="Plan", type="choice", choices=["free", "pro"]
    )
    tab.goto(f"{live_server.url}/admin/segments/segment/add/")
    expect(tab.locator(".rb-answer")).to_contain_text("2 people match now")
    yield tab
    assert errors == []


def rule_of(form: Page) -> Any:
    """The rule in the text area behind the builder."""
    return json.loads(form.locator("textarea[name=rule]").input_value())


def test_a_rule_is_built_by_mouse_and_saved(form: Page) -> None:
    """RUL-02: tests, groups and nested rules, typed inputs, count, sample and sentence."""
    form.locator("[name=name]").fill("Admins at rich companies")
    form.get_by_role("button", name="+ Add a test").click()
    form.get_by_label("Attribute", exact=True).select_option("role")
    expect(form.locator(".rb-hint")).to_have_text("Give a value.")
    form.get_by_label("Value").fill("ADMIN")
    expect(form.locator(".rb-answer")).to_contain_text("1 person matches now")
    expect(form.get_by_role("link", name="Ann")).to_be_visible()
    form.get_by_role("button", name="+ Add a test").last.click()
    form.get_by_label("Kind of test").nth(1).select_option("company")
    form.locator(".rb-inner").get_by_role("button", name="+ Add a test").click()
    form.locator(".rb-inner").get_by_label("Attribute", exact=True).select_option("arr")
    form.locator(".rb-inner").get_by_label("Operator").select_option("between")
    form.get_by_label("From").fill("1000")
    form.get_by_label("To", exact=True).fill("9000.5")
    expect(form.locator(".rb-words")).to_have_text(
        "People for whom Role is “ADMIN” and at least one of their companies matches:"
        " ARR is between 1,000 and 9,000.5."
    )
    form.get_by_role("button", name="Save", exact=True).click()
    form.wait_for_url("**/segments/segment/")
    assert Segment.objects.get().rule == {
        "all": [
            {"test": "attribute", "name": "role", "operator": "equals", "value": "ADMIN"},
            {
                "test": "company",
                "rule": {
                    "all": [
                        {
                            "test": "attribute",
                            "name": "arr",
                            "operator": "between",
                            "value": [1000, 9000.5],
                        }
                    ]
                },
            },
        ]
    }


def test_a_rule_is_built_by_keyboard(form: Page) -> None:
    """ADM-01: focus goes where one works on, and Enter never sends the form."""
    form.get_by_role("button", name="+ Add a group").focus()
    form.keyboard.press("Enter")
    expect(form.get_by_label("How these tests are joined").nth(1)).to_be_focused()
    form.get_by_role("button", name="+ Add a test").first.focus()
    form.keyboard.press("Enter")
    expect(form.get_by_label("Attribute", exact=True)).to_be_focused()
    form.keyboard.type("Plan")
    form.keyboard.press("Tab")
    form.keyboard.type("is one of")
    form.keyboard.press("Tab")
    form.keyboard.press("Tab")
    form.keyboard.press("Space")
    assert rule_of(form) == {
        "all": [
            {
                "any": [
                    {"test": "attribute", "name": "plan", "operator": "in", "value": ["pro"]},
                ]
            },
        ]
    }
    form.get_by_label("Kind of test").focus()
    form.keyboard.type("Ev")
    expect(form.get_by_label("Kind of test")).to_be_focused()
    form.keyboard.press("Tab")
    form.keyboard.type("login")
    form.keyboard.press("Enter")
    assert form.url.endswith("/add/")
    form.get_by_role("button", name="Move test 1 up").click()
    assert rule_of(form) == {"all": [{"test": "event", "name": "login"}, {"any": []}]}
    form.get_by_role("button", name="Remove group 2").click()
    expect(form.get_by_role("button", name="+ Add a test")).to_be_focused()
    assert rule_of(form) == {"all": [{"test": "event", "name": "login"}]}


def test_each_subject_keeps_its_rule(form: Page) -> None:
    """RUL-02: other attributes for companies; a static list needs no rule."""
    form.get_by_role("button", name="+ Add a test").click()
    form.locator("[name=subject]").select_option("company")
    expect(form.locator(".rb-answer")).to_contain_text("1 company matches now")
    assert rule_of(form) == {"all": []}
    form.locator("[name=subject]").select_option("person")
    expect(form.get_by_label("Attribute", exact=True)).to_be_visible()
    form.locator("[name=kind]").select_option("static")
    expect(form.locator(".rb")).to_be_hidden()


def test_it_fits_a_phone(form: Page) -> None:
    """ADM-01: 390 px wide, nothing sticks out."""
    form.set_viewport_size({"width": 390, "height": 800})
    form.get_by_role("button", name="+ Add a test").click()
    form.get_by_label("Kind of test").select_option("company")
    form.locator(".rb-inner").get_by_role("button", name="+ Add a test").click()
    wide = form.evaluate(
        "[...document.querySelectorAll('.rb *')]"
        ".filter(e => e.getBoundingClientRect().right > 390).length"
    )
    assert wide == 0


def test_texts_stay_text(form: Page) -> None:
    """SEC-02: names out of the data never become markup."""
    person(name="<img src=x onerror=document.title='owned'>", role="<b>boss</b>")
    form.get_by_role("button", name="+ Add a test").click()
    form.get_by_label("Attribute", exact=True).select_option("role")
    form.get_by_label("Value").fill("<b>boss</b>")
    expect(form.locator(".rb-answer")).to_contain_text("<img src=x")
    assert form.locator(".rb-answer img, .rb-answer b").count() == 0
    assert form.title() != "owned"

"""RUL-02 in a real Chromium: inputs of the richer tests, undo, and why somebody matches."""

from playwright.sync_api import Page, expect

from csplatform.customers.models import Company
from csplatform.customers.operations.events import EventInput, record_events
from tests.browser.test_rule_builder import form, pytestmark, rule_of
from tests.factories import person

__all__ = ["form", "pytestmark"]


def test_windows_sequences_and_records(form: Page) -> None:
    """RUL-02: one way of saying when at a time; rows of events; typed conditions on invoices."""
    someone = person(name="Cleo", at=Company.objects.get())
    record_events([EventInput("export", person_id=someone.pk, properties={"format": "pdf"})])
    form.get_by_role("button", name="+ Add a test").click()
    form.get_by_label("Kind of test").select_option("event")
    form.get_by_label("Event", exact=True).fill("export")
    form.get_by_label("When", exact=True).select_option(label="in the last … days")
    form.get_by_role("button", name="+ Add a condition").click()
    form.get_by_label("Property", exact=True).last.focus()
    expect(form.locator("datalist option[value=format]")).to_have_count(1)
    form.get_by_label("Property", exact=True).last.fill("format")
    form.get_by_label("Value").fill("pdf")
    expect(form.locator(".rb-answer")).to_contain_text("1 person matches now")
    form.get_by_label("When", exact=True).select_option(label="between two days")
    form.get_by_label("to a day").fill("2020-01-01")
    expect(form.locator(".rb-answer")).to_contain_text("0 people match now")
    assert rule_of(form)["all"][0] == {
        "test": "event", "name": "export", "until": "2020-01-01",
        "where": [{"operator": "equals", "property": "format", "value": "pdf"}],
    }  # fmt: skip
    form.get_by_label("Kind of test").select_option("sequence")
    for name in ("login", "export"):
        form.get_by_role("button", name="+ Add an event").click()
        form.get_by_label("Event", exact=True).last.fill(name)
    expect(form.locator(".rb-words")).to_contain_text("“login” was followed by “export”")
    form.locator("[name=subject]").select_option("company")
    form.get_by_role("button", name="+ Add a test").click()
    form.get_by_label("Kind of test").select_option("invoice")
    form.get_by_role("button", name="+ Add a condition").click()
    form.get_by_label("Operator").select_option("in_past")
    expect(form.locator(".rb-words")).to_contain_text("Due while unpaid is in the past")
    assert rule_of(form)["all"][0] == {
        "test": "invoice", "where": [{"field": "unpaid_due_on", "operator": "in_past"}],
    }  # fmt: skip


def test_undo_and_redo(form: Page) -> None:
    """RUL-02: by button and by keyboard."""
    undo = form.get_by_role("button", name="Undo")
    expect(undo).to_be_disabled()
    form.get_by_role("button", name="+ Add a test").click()
    form.get_by_label("Attribute", exact=True).select_option("role")
    form.get_by_label("Value").fill("admin")
    before = rule_of(form)
    form.wait_for_timeout(800)
    form.get_by_role("button", name="Remove test 1").click()
    assert rule_of(form) == {"all": []}
    undo.click()
    assert rule_of(form) == before
    expect(form.get_by_label("Value")).to_have_value("admin")
    form.get_by_role("button", name="Redo").click()
    assert rule_of(form) == {"all": []}
    form.get_by_role("button", name="+ Add a test").focus()
    form.keyboard.press("Control+z")
    assert rule_of(form) == before


def test_why_somebody_matches_or_not(form: Page) -> None:
    """RUL-02, RUL-03: each test with its value; it follows the rule."""
    form.get_by_role("button", name="+ Add a test").click()
    form.get_by_label("Attribute", exact=True).select_option("role")
    form.get_by_label("Value").fill("admin")
    form.get_by_text("Why does somebody match").click()
    form.get_by_label("Look for somebody").fill("bo")
    form.get_by_role("button", name="Bob").click()
    expect(form.locator(".rb-why-result")).to_contain_text("Bob does not match.")
    expect(form.locator(".rb-explained")).to_contain_text("Role is “admin” — user")
    form.get_by_label("Value").fill("user")
    expect(form.locator(".rb-why-result")).to_contain_text("Bob matches.")

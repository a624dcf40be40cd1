"""Recipients, quorum and calculated fields in the editor (PRG-07, 08, 12)."""

import pytest
from playwright.sync_api import Page, expect

from csplatform.customers.operations.events import EventInput, record_events
from journeys.models import Program
from tests import factories as make
from tests.browser.flow_pages import card, open_flow, saved

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def box(page: Page, name: str):
    """The input of a setting."""
    return page.locator(f'#flow-panel [data-name="{name}"]').last


def test_a_company_program_asks_for_people_and_a_field(page, live_server, problems):
    """A field is made, people are addressed, a wait asks for three of them or the field."""
    company = make.company()
    record_events([EventInput("login", person_id=make.person(at=company).pk)])
    template = make.mail_template(name="Hello")
    program = make.program(
        make.step("send_email", "m1", name="Mail", template=template.pk),
        make.step("conditional_wait", "w1", name="Wait", exits={"met": [], "not_met": []}),
        type="company", publish=False,
    )  # fmt: skip
    open_flow(page, live_server, program)

    page.locator('.fl-card[data-panel="fields"]').click()
    page.get_by_role("button", name="Add field").click()
    box(page, "label").locator("input").fill("Logins")
    box(page, "event").locator("input").fill("login")
    box(page, "days").locator("input").fill("30")
    saved(page)
    expect(page.locator('.fl-card[data-panel="fields"] .fl-title')).to_have_text("Logins")

    card(page, "Mail").click()
    page.get_by_role("button", name="Add recipient").click()
    box(page, "who").locator("select").select_option("rule")
    expect(box(page, "role")).to_be_hidden()
    box(page, "rule").get_by_role("button", name="+ Add a test").click()
    saved(page)
    expect(box(page, "rule").locator(".rb-words, .rb-muted").first).to_be_visible()
    box(page, "who").locator("select").select_option("role")
    box(page, "role").locator("input").fill("Admin")
    saved(page)
    expect(page.locator("[data-sentence]")).to_contain_text("people with the role “Admin”")

    card(page, "Wait").click()
    page.get_by_role("button", name="Add condition").click()
    page.locator("[data-what]").last.select_option("m1 opened")
    page.locator("[data-how-many]").last.select_option("count")
    page.locator("[data-count] input").last.fill("3")
    page.get_by_role("button", name="Add condition").click()
    page.locator("[data-what]").last.select_option("rule")
    page.locator("[data-condition]").last.get_by_role("button", name="+ Add a test").click()
    page.locator("[data-condition]").last.get_by_label("Kind of test").select_option("field")
    page.locator("[data-condition]").last.get_by_label("Operator").select_option("gte")
    page.locator("[data-condition]").last.get_by_role("spinbutton", name="Value").fill("1")
    saved(page)
    expect(page.locator("[data-condition]").last.locator(".rb-count")).to_contain_text("1 company")
    expect(page.locator("[data-sentence]")).to_contain_text("at least 3 of the people")
    expect(page.locator("[data-sentence]")).to_contain_text("Logins is at least 1")

    draft = Program.objects.get().draft
    assert draft["fields"][0]["key"] == "logins"
    assert draft["fields"][0]["config"]["days"] == 30
    assert draft["steps"][0]["config"]["recipients"][0]["role"] == "Admin"
    first, second = draft["steps"][1]["config"]["conditions"]
    assert (first["quorum"], first["count"]) == ("count", 3)
    assert second["rule"]["all"][0] == {
        "test": "field", "name": "logins", "operator": "gte", "value": 1
    }  # fmt: skip
    assert problems == []

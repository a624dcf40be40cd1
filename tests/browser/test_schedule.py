"""A publishing is scheduled in the dialog and comes true on the page (PRG-40)."""

from datetime import UTC, timedelta

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from csplatform.kit.clock import now
from journeys.models import Program
from tests import factories as make
from tests.browser.flow_pages import open_flow

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
TIMER = make.step("wait_timer", "w1", name="A day", amount=1, unit="days")


def test_a_publishing_is_scheduled_and_comes_true_on_the_page(
    page, live_server, run_lanes, problems
):
    """By keyboard; two seconds and a bit ahead, so that nobody waits long."""
    program = make.program(TIMER, publish=False)
    other = make.program(TIMER)
    open_flow(page, live_server, program)
    page.locator("[data-life=publish]").focus()
    page.keyboard.press("Enter")
    dialog = page.locator("#flow-life")
    expect(dialog).to_contain_text("Publish “")
    dialog.get_by_label("Now").focus()
    page.keyboard.press("ArrowDown")
    expect(dialog.get_by_label("Date")).to_be_enabled()
    expect(dialog).to_contain_text("It is published by itself on")
    expect(dialog).to_contain_text(other.name)  # it started around that day
    expect(dialog.get_by_role("button", name="Schedule it")).to_be_visible()
    at = now().astimezone(UTC) + timedelta(seconds=2.5)
    dialog.get_by_label("Date").fill(f"{at:%Y-%m-%d}")
    dialog.get_by_label("Time in UTC").fill(f"{at:%H:%M:%S}")
    page.keyboard.press("Enter")
    expect(page.locator("#flow-status")).to_contain_text("Scheduled")
    expect(page.locator("#flow-saved")).to_have_text("Read only")
    expect(page.locator("#flow-notes")).to_contain_text("Until then the flow cannot be edited")

    page.goto(live_server.url + reverse("admin:journeys_program_calendar"))
    event = page.locator(".fl-event", has_text=program.name)
    expect(event).to_contain_text("Will be published")
    event.click()
    expect(page.locator("#flow-status")).to_contain_text("To be published")

    while not run_lanes("live"):
        page.wait_for_timeout(100)
    published = Program.objects.get(pk=program.pk)
    assert published.state == "active"
    assert published.published_at - at < timedelta(seconds=2)
    expect(page.locator("#flow-status")).to_contain_text("Active")  # nobody reloads it
    page.goto(live_server.url + reverse("admin:journeys_program_calendar"))
    expect(page.locator(".fl-event", has_text=program.name)).to_contain_text("Published")
    assert problems == []


def test_a_phone_shows_the_days_on_which_something_happens(page, live_server, problems):
    """ADM-01: an agenda instead of a grid, without scrolling sideways."""
    program = make.program(TIMER)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(live_server.url + reverse("admin:journeys_program_calendar"))
    expect(page.locator(".fl-event", has_text=program.name)).to_be_visible()
    assert page.locator(".fl-calendar td:visible").count() == 1
    wide = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    assert not wide
    assert problems == []

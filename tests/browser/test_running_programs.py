"""Changing a program that people are in, in a real Chromium (PRG-42, 43, 44)."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from journeys.models import Amendment, Program
from journeys.operations.enroll import enroll
from tests import factories as make
from tests.browser.flow_pages import card, open_flow, saved
from tests.engagements.make import engagement, person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Lanes = Callable[..., int]


def versions_of(program: Program) -> list[int]:
    running = program.participants.filter(ended_at=None).order_by("pk")
    return list(running.values_list("version__number", flat=True))


def test_those_inside_are_taken_along(page: Page, live_server: Any, run_lanes: Lanes) -> None:
    """PRG-42: the dialog asks with counts, the page of versions shows how far it is, and whoever
    stayed is moved later."""
    program = make.program(
        make.step("wait_timer", "w1", name="Three days", amount=3, unit="days"),
        make.step("wait_timer", "w2", name="One more", amount=1, unit="days"),
    )
    enroll(program.pk, make.ids(make.people(3)), actor=None)
    run_lanes()

    def publish_another(days: int, choice: str) -> None:
        open_flow(page, live_server, program)
        card(page, "Three days").click()
        page.locator("#flow-panel [data-name=amount] input").fill(str(days))
        saved(page)
        page.get_by_role("button", name="Publish changes").click()
        dialog = page.locator("#flow-life")
        expect(dialog).to_contain_text("What becomes of the 3 inside?")
        dialog.get_by_label("What becomes of those at Three days").select_option(label=choice)
        dialog.get_by_role("button", name="Publish version").click()
        expect(page.locator("body")).to_contain_text("Published version")

    publish_another(5, "Three days (the same step)")
    run_lanes()
    assert versions_of(program) == [2, 2, 2]
    page.get_by_role("link", name="Versions").click()
    expect(page.locator("body")).to_contain_text("Moving to version 2")
    expect(page.locator("body")).to_contain_text("3 done")

    publish_another(6, "Stay on their version")
    page.get_by_role("link", name="Versions").click()
    expect(page.locator("body")).to_contain_text("3 on earlier versions")
    page.get_by_role("button", name="Move them").click()
    page.locator("#flow-life select[data-move]").select_option(label="One more")
    page.get_by_role("button", name="Move them", exact=True).click()
    expect(page.locator("body")).to_contain_text("3 are on their way")
    run_lanes()
    assert versions_of(program) == [3, 3, 3]
    assert set(program.participants.values_list("step__key", flat=True)) == {"w2"}


def test_an_engagement_is_exchanged_at_once(page: Page, live_server: Any, run_lanes: Lanes) -> None:
    """PRG-43: offered in the panel, put in force by a dialog that says what it means; the wait
    behind it asks for a look until somebody says that it fits."""
    old, new = engagement(name="Old hello"), engagement(name="New hello")
    program = make.program(
        make.step("trigger_engagement", "eng", name="Say hello", engagement=old.pk),
        make.step(
            "conditional_wait", "cw", name="Done?", amount=3, unit="days",
            conditions=[{"type": "event", "step": "eng", "event": "completed"}],
            exits={"met": [], "not_met": []},
        ),
    )  # fmt: skip
    enroll(program.pk, [person()], actor=None)
    run_lanes()
    open_flow(page, live_server, program)
    card(page, "Say hello").click()
    offer = page.get_by_role("button", name="Put it in force now")
    expect(offer).to_be_hidden()
    page.locator("[data-name=engagement] select").select_option(label="New hello")
    saved(page)
    offer.click()
    dialog = page.locator("#flow-life")
    expect(dialog).to_contain_text("can no longer trigger the old one")
    expect(dialog).to_contain_text("“Done?” has conditions about this step")
    dialog.get_by_role("button", name="Put it in force").click()
    expect(page.locator("body")).to_contain_text("In force as change 1 of version 1.")
    assert Amendment.objects.get().config["engagement"] == new.pk
    expect(card(page, "Done?")).to_contain_text("was exchanged")
    expect(page.locator(".fl-status")).not_to_contain_text("Unpublished changes")
    card(page, "Done?").click()
    page.get_by_role("button", name="They fit").click()
    expect(page.locator("body")).to_contain_text("The conditions stay as they are.")
    expect(card(page, "Done?")).not_to_contain_text("was exchanged")

"""A new program from the gallery, with the keyboard alone (PRG-83)."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from journeys.models import Program

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_template_is_found_looked_at_and_used_by_keyboard(page, live_server):
    """Search, Enter, the card, Enter, the name, Enter: the editor, ready to publish."""
    page.goto(live_server.url + reverse("admin:journeys_program_add"))
    page.locator("[name=q]").focus()
    page.keyboard.type("walk-through")
    page.keyboard.press("Enter")
    card = page.locator(".is-templates .gl-card")
    expect(card).to_have_count(1)
    card.focus()
    page.keyboard.press("Enter")
    # A browser that runs other windows beside this one may leave the focus where it was.
    expect(page.locator("[name=name]")).to_have_attribute("autofocus", "")
    page.locator("[name=name]").focus()
    expect(page.locator(".fl-readonly")).to_contain_text("Walk-through: three steps")
    page.keyboard.press("Enter")
    expect(page.locator("#flow-editor[data-ready]")).to_be_visible()
    expect(page.locator(".fl-status")).to_contain_text("Ready to publish")
    assert Program.objects.get().state == "draft"


def test_the_gallery_fits_a_phone(page, live_server):
    """Nothing is wider than the screen."""
    page.set_viewport_size({"width": 390, "height": 844})
    for address in (
        reverse("admin:journeys_program_gallery"),
        reverse("admin:journeys_program_template", args=["welcome_tour"]),
        reverse("admin:journeys_program_add") + "?model=simple",
        reverse("ascode:import"),
    ):
        page.goto(live_server.url + address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, address

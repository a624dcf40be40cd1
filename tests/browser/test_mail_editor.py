"""The mail editor in a real browser: blocks, tokens, preview, keyboard (PRG-46, PRG-90, ADM-01)."""

import json

import pytest
from django.test import Client
from playwright.sync_api import BrowserContext, Page, expect

from journeys.models import CapturedMail, EmailTemplate
from tests import factories as make

# The preview is made by the server, which shares a small machine with the browser.
expect.set_options(timeout=20_000)
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def editor(window: BrowserContext, tab: Page, live_server) -> Page:
    """A new template, opened by a program manager; fails on any script error."""
    user = make.staff("program_manager", email="me@example.com")
    browser = Client()
    browser.force_login(user)
    window.add_cookies(
        [{"name": "sessionid", "value": browser.cookies["sessionid"].value, "url": live_server.url}]
    )
    make.person(name="<Ada> Lovelace", email="ada@example.com", at=make.company(name="Acme"))
    tab.errors = []  # type: ignore[attr-defined]
    tab.on("pageerror", lambda error: tab.errors.append(str(error)))  # type: ignore[attr-defined]
    tab.set_viewport_size({"width": 1280, "height": 900})
    tab.goto(f"{live_server.url}/admin/journeys/emailtemplate/add/")
    return tab


def preview(tab: Page):
    return tab.frame_locator("[data-html]").locator("body")


def field(tab: Page, block: int, name: str):
    return tab.locator(".bl-card").nth(block).locator(f"[data-field={name}]")


def test_a_mail_is_written_with_the_keyboard(editor, run_lanes, settings):
    settings.EMAIL_BACKEND = "journeys.emails.captured.CapturedMailBackend"
    editor.fill("#id_name", "Welcome")
    editor.fill("#id_subject", "Hi ")
    editor.get_by_role("button", name="Insert a token into Subject").press("Enter")
    editor.get_by_role("searchbox", name="Find a token").press_sequentially("first name")
    editor.keyboard.press("Enter")
    expect(editor.locator("#id_subject")).to_have_value(
        'Hi {{ person.first_name | default: "there" }}'
    )
    editor.get_by_role("button", name="Heading", exact=True).press("Enter")
    expect(field(editor, 0, "text")).to_be_focused()
    editor.keyboard.press("ControlOrMeta+A")
    editor.keyboard.type("Dear {{ person.nope }}")
    editor.get_by_role("button", name="Button", exact=True).press("Enter")
    expect(editor.get_by_text("There is no token “person.nope”")).to_be_visible()
    field(editor, 0, "text").fill("Dear {{ person.name }} of {{ company.name }}")
    expect(preview(editor)).to_contain_text("Dear <Ada> Lovelace of Acme")
    expect(editor.locator("[data-subject]")).to_have_text("Hi <Ada>")
    field(editor, 1, "label").press("Alt+ArrowUp")
    expect(field(editor, 0, "label")).to_be_focused()
    editor.get_by_role("button", name="Send to me").click()
    expect(editor.locator("[data-note]")).to_have_text("On its way to me@example.com.")
    run_lanes("outbox")
    assert CapturedMail.objects.get().subject == "Hi <Ada>"
    editor.get_by_role("button", name="Save", exact=True).click()
    expect(editor).to_have_url(editor.url.split("/admin/")[0] + "/admin/journeys/emailtemplate/")
    saved = EmailTemplate.objects.get()
    assert [block["kind"] for block in saved.blocks] == ["button", "heading"]
    assert editor.errors == []


def test_the_editor_fits_a_phone_and_removes_blocks(editor):
    editor.set_viewport_size({"width": 390, "height": 844})
    palette = editor.get_by_role("group", name="Add a block")
    for kind in ("Text", "List", "Image", "Divider"):
        palette.get_by_role("button", name=kind, exact=True).click()
    expect(editor.locator(".bl-card")).to_have_count(4)
    editor.get_by_role("button", name="Remove").nth(1).click()
    editor.get_by_role("button", name="Duplicate").first.click()
    expect(editor.locator(".bl-head strong")).to_have_text(["Text", "Text", "Image", "Divider"])
    assert editor.evaluate("document.documentElement.scrollWidth") <= 390
    assert editor.errors == []


def test_every_button_is_named_by_its_words_alone(editor):
    """ADM-01: the names of icons are not read out."""
    palette = editor.get_by_role("group", name="Add a block")
    expect(palette).to_match_aria_snapshot(
        """
        - group "Add a block":
          - button "Heading"
          - button "Text"
          - button "Button"
          - button "Image"
          - button "List"
          - button "Divider"
        """
    )
    palette.get_by_role("button", name="Divider", exact=True).click()
    card = editor.get_by_role("list", name="Blocks").get_by_role("listitem")
    expect(card).to_match_aria_snapshot(
        """
        - listitem:
          - strong: Divider
          - button "Move up" [disabled]
          - button "Move down" [disabled]
          - button "Duplicate"
          - button "Remove"
        """
    )
    editor.get_by_role("button", name="Remove", exact=True).press("Enter")
    expect(editor.get_by_text("Block removed.")).to_be_attached()
    expect(palette.get_by_role("button", name="Heading")).to_be_focused()


def test_problems_stand_at_their_input(editor):
    """PRG-90: and go with the mending; the block that was right stays unmarked."""
    palette = editor.get_by_role("group", name="Add a block")
    for kind in ("Text", "Button"):
        palette.get_by_role("button", name=kind, exact=True).click()
    field(editor, 1, "url").fill("javascript:alert(1)")
    wrong, right = editor.locator(".bl-card").nth(1), editor.locator(".bl-card").nth(0)
    expect(wrong.get_by_role("alert")).to_contain_text("A link")
    expect(field(editor, 1, "url")).to_have_attribute("aria-invalid", "true")
    expect(right.get_by_role("alert")).to_have_count(0)
    field(editor, 1, "url").fill("https://example.com/")
    expect(wrong.get_by_role("alert")).to_have_count(0)
    expect(preview(editor).get_by_role("link", name="Open")).to_be_visible()
    assert editor.errors == []


def test_what_the_editor_cannot_show_is_left_to_mend(editor, live_server):
    """REL-03: neither odd JSON nor a kind that is gone breaks the page or is thrown away."""
    for blocks, words in (({"a": 1}, "Expected a list"), ([{"kind": "gone", "x": 1}], "no such")):
        odd = make.mail_template()
        EmailTemplate.objects.filter(pk=odd.pk).update(blocks=blocks)
        editor.goto(f"{live_server.url}/admin/journeys/emailtemplate/{odd.pk}/change/")
        expect(editor.get_by_text(words)).to_be_visible()
    assert EmailTemplate.objects.get(pk=odd.pk).blocks == [{"kind": "gone", "x": 1}]
    editor.get_by_role("button", name="Duplicate").click()
    assert json.loads(editor.locator("#id_blocks").input_value()) == [{"kind": "gone", "x": 1}] * 2
    assert editor.errors == []


def test_captured_html_cannot_run_scripts(tab, live_server, settings):
    """SEC-02: the frame's own policy cages whatever a mail holds."""
    settings.EMAIL_URL, settings.DEMO = "", True
    script = "<script>document.getElementById('x').textContent = 'ran'</script>"
    html = f"<html><head></head><body><p id='x'>still</p>{script}</body></html>"
    mail = CapturedMail.objects.create(
        sender="a", recipients="b", subject="S", html=html, captured_at="2026-01-01T00:00Z"
    )
    for address in (f"/mail/{mail.pk}/html/", f"/mail/{mail.pk}/"):
        tab.goto(live_server.url + address)
        frame = tab.frame_locator("iframe") if address.endswith(f"{mail.pk}/") else tab
        expect(frame.locator("#x")).to_have_text("still")

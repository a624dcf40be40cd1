"""The whole story on real parts, from an empty database through the admin's pages only.

An admin builds a program in the browser and publishes it; a person known from the customer's own
site enters, gets a mail over SMTP, clicks, meets a dialog on that site, answers it, and is done; a
CSM sees it all. (OPS-01, PRG-01, 03, 04, 41, 60, 61, 90, TRK-01, 02, ENG-01, 08, SNP-01.)
"""

import re
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.host_site import HostSite
from tests.faults.external import free_port
from tests.faults.installation import Installation

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PASSWORD = "walk-the-dog-7"
SECONDS = 20


class Sink:
    """A real SMTP server that keeps what it gets."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(BytesParser(policy=default).parsebytes(envelope.content))
        return "250 OK"


@pytest.fixture
def sink() -> Iterator[tuple[Sink, int]]:
    """The sink and its port."""
    handler, port = Sink(), free_port()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    yield handler, port
    controller.stop()


@pytest.fixture
def installation(sink: tuple[Sink, int]) -> Iterator[Installation]:
    """The product, empty but for one member of staff who may do everything."""
    made = Installation(EMAIL_URL=f"smtp://127.0.0.1:{sink[1]}")
    try:
        made.wait_until_ready()
        made.manage(
            "createsuperuser", "--noinput",
            DJANGO_SUPERUSER_USERNAME="chief", DJANGO_SUPERUSER_PASSWORD=PASSWORD,
            DJANGO_SUPERUSER_EMAIL="chief@example.com",
        )  # fmt: skip
        made.url = made.url.replace("127.0.0.1", "localhost")
        yield made
    finally:
        made.stop()


def wait_for(what: Callable[[], Any], words: str) -> Any:
    """The first truthy answer within SECONDS."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        if found := what():
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {SECONDS} s: {words}")


class Admin:
    """What the admin does, page by page."""

    def __init__(self, tab: Page, url: str) -> None:
        self.tab, self.url = tab, url

    def open(self, path: str) -> None:
        self.tab.goto(self.url + path)
        self.tab.wait_for_load_state("networkidle")

    def save(self, name: str = "Save") -> None:
        self.tab.get_by_role("button", name=name, exact=True).click()
        self.tab.wait_for_load_state("networkidle")

    def sign_in(self) -> None:
        self.open("/admin/")
        self.tab.fill("[name=username]", "chief")
        self.tab.fill("[name=password]", PASSWORD)
        self.tab.click("button[type=submit]")
        expect(self.tab).to_have_url(f"{self.url}/admin/")

    def make_source(self) -> str:
        """A write key for the customer's site."""
        self.open("/admin/customers/source/add/")
        self.tab.fill("[name=name]", "My product")
        self.save("Save and continue editing")
        found = re.search(r"wk_[\w-]+", self.tab.locator("body").inner_text())
        assert found
        return found.group()

    def make_mail(self, target: str) -> None:
        self.open("/admin/journeys/emailtemplate/add/")
        self.tab.fill("[name=name]", "Hello mail")
        self.tab.fill("[name=subject]", "Hello {{ person.first_name }}")
        self.tab.locator("button", has_text="Button").last.click()
        self.tab.locator("[data-field=label]").last.fill("Have a look")
        self.tab.locator("[data-field=url]").last.fill(target)
        self.save()
        expect(self.tab.get_by_text("Hello mail").first).to_be_visible()

    def make_dialog(self) -> None:
        self.open("/admin/engagements/engagement/add/")
        self.tab.fill("[name=name]", "First steps")
        self.save()
        self.tab.get_by_role("button", name="Save and launch").click()
        self.tab.wait_for_load_state("networkidle")
        expect(self.tab.get_by_text("Launched").first).to_be_visible()

    def make_segment(self) -> None:
        self.open("/admin/segments/segment/add/")
        self.tab.fill("[name=name]", "Story people")
        self.tab.get_by_role("button", name="Add a test").click()
        self.tab.get_by_label("Operator").select_option("ends_with")
        self.tab.get_by_label("Value", exact=True).fill("@story.example")
        self.save()
        expect(self.tab.get_by_text("Story people").first).to_be_visible()

    def add_step(self, kind: str, place: int = -1) -> None:
        """Add a step at the last "+" of the main path (or another) and wait for its panel."""
        plus = self.tab.get_by_role("button", name="Add a step here")
        before = plus.count()
        (plus.last if place < 0 else plus.nth(place)).click()
        self.tab.locator(f"[data-kind={kind}]").click()
        self.tab.wait_for_function(
            "n => document.querySelectorAll('[aria-label=\"Add a step here\"]').length > n",
            arg=before,
        )
        expect(self.tab.locator("[data-step-name]")).to_be_visible()

    def panel(self) -> Any:
        return self.tab.locator("#flow-panel")

    def saved(self) -> None:
        expect(self.tab.get_by_text("All changes saved")).to_be_visible()

    def make_program(self) -> str:
        """Mail, wait for its click, dialog, wait for its completion. Returns the program's path."""
        self.open("/admin/journeys/program/add/?model=journey")
        self.tab.fill("[name=name]", "Warm welcome")
        self.save()
        path = self.tab.url.removeprefix(self.url).removesuffix("flow/")
        self.add_step("send_email")
        self.panel().locator("[data-name=template] select").select_option(label="Hello mail")
        self.add_step("conditional_wait")
        self.wait_for_event("a link clicked")
        self.add_step("trigger_engagement")
        self.panel().locator("[data-name=engagement] select").select_option(label="First steps")
        self.add_step("conditional_wait")
        self.wait_for_event("completed")
        self.tab.get_by_text("Enrolled by hand").click()
        self.panel().locator('[data-variant="segment"]').click()
        self.panel().locator("[data-name=segment] select").select_option(label="Story people")
        self.saved()
        return path

    def wait_for_event(self, words: str) -> None:
        """Choose what the wait in the open panel waits for."""
        self.panel().get_by_role("button", name="Add condition").click()
        choice = self.panel().get_by_label("What happens")
        label = choice.locator("option", has_text=re.compile(f": {words}")).first.inner_text()
        choice.select_option(label=label)

    def publish(self) -> None:
        self.tab.get_by_role("button", name="Publish…").click()
        dialog = self.tab.locator("dialog[open]")
        expect(dialog).to_contain_text("Hello mail")
        dialog.get_by_role("button", name="Publish now").click()
        expect(self.tab.get_by_text("Active").first).to_be_visible()

    def counts_of(self, path: str) -> str:
        self.open(f"{path}snapshot/")
        return self.tab.locator("main, #content").first.inner_text()


class Customer:
    """The person on the customer's own site, which has a strict policy and hostile styles."""

    def __init__(self, window: BrowserContext, installation: Installation, key: str) -> None:
        who = "{id: 'u-1', email: 'nora@story.example', name: 'Nora Novak'}"
        app = (
            f"journey('init', '{key}'); journey('identify', {who});"
            " document.getElementById('spa').addEventListener('click', function () {"
            " history.pushState({}, '', '/inner'); });"
        )
        self.site = HostSite(installation.url, app)
        self.tab = window.new_page()

    def visit(self) -> None:
        self.tab.goto(self.site.origin + "/")
        self.tab.wait_for_load_state("networkidle")

    def dialog(self) -> Any:
        return self.tab.get_by_role("dialog")


def test_the_whole_story(
    window: BrowserContext, tab: Page, installation: Installation, sink: tuple[Sink, int]
) -> None:
    """From nothing to a person who is done, seen by a CSM."""
    admin = Admin(tab, installation.url)
    admin.sign_in()
    key = admin.make_source()
    customer = Customer(window, installation, key)
    admin.make_mail(f"{customer.site.origin}/start")
    admin.make_dialog()
    admin.make_segment()
    path = admin.make_program()
    admin.publish()

    customer.visit()
    mail = wait_for(lambda: next(iter(sink[0].mails), None), "the mail over SMTP")
    assert mail["To"] == "nora@story.example"
    assert mail["Subject"] == "Hello Nora"
    html = mail.get_body(("html",)).get_content()
    link = re.search(r'href="([^"]*/e/c/[^"]+)"', html)
    assert link, html[:500]

    customer.tab.goto(link.group(1).replace("&amp;", "&"))
    expect(customer.tab).to_have_url(f"{customer.site.origin}/start")
    expect(customer.dialog()).to_contain_text("Welcome, Nora")
    customer.dialog().get_by_role("button", name="Show me").click()
    expect(customer.dialog()).to_have_count(0)
    assert customer.tab.evaluate("window.errors") == []

    wait_for(lambda: re.search(r"1\s*\n?\s*completed", admin.counts_of(path)), "the run to end")
    admin.open("/admin/customers/person/?q=nora")
    admin.tab.get_by_role("link", name="Nora Novak").first.click()
    admin.tab.wait_for_load_state("networkidle")
    person = re.search(r"/(?:person|people)/(\d+)/", admin.tab.url)
    assert person
    admin.open(f"/people/{person.group(1)}/")
    expect(admin.tab.get_by_text("Warm welcome").first).to_be_visible()
    customer.site.close()

"""The console in a real browser: ADM-01, SEC-02."""

import pytest
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from csplatform.customers.operations.events import EventInput, record_events
from tests.customers import make

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PAGES = (
    "/admin/",
    "/admin/customers/company/",
    "/admin/customers/person/",
    "/admin/customers/event/",
    "/admin/customers/source/add/",
    "/admin/accounts/user/",
    "/admin/accounts/apikey/add/",
    "/admin/accounts/auditentry/",
    "/companies/{company}/",
    "/people/{person}/",
)


def log_in(tab: Page, live_server: LiveServer) -> None:
    """Through the form, as people do."""
    tab.goto(f"{live_server.url}/admin/login/")
    tab.fill("#id_username", "boss")
    tab.fill("#id_password", "secret")
    tab.click("button[type=submit]")
    tab.wait_for_url("**/admin/")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "light"), (1280, "dark")])
def test_no_page_breaks_out_of_the_frame(
    chromium: Browser, live_server: LiveServer, width: int, scheme: str
) -> None:
    """No policy violation, no error, no sideways scrolling, one main landmark on every page."""
    make.user("boss")
    company = make.company("Acme", domains=["acme.example"])
    person = make.person(name="Ada", at=company)
    record_events([EventInput("login", person_id=person.pk)])
    window = chromium.new_context(
        viewport={"width": width, "height": 800},
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    try:
        tab = window.new_page()
        complaints: list[str] = []
        tab.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        log_in(tab, live_server)
        for page in PAGES:
            address = page.format(company=company.pk, person=person.pk)
            response = tab.goto(live_server.url + address)
            tab.wait_for_load_state("networkidle")
            assert response is not None
            assert response.status == 200, address
            wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert tab.evaluate(wider) <= 0, address
            assert tab.locator("main, [role=main]").count() == 1, address
            assert complaints == [], address
    finally:
        window.close()


def test_the_palette_leads_by_keyboard_to_a_person(tab: Page, live_server: LiveServer) -> None:
    """ADM-01: global search, works by keyboard."""
    make.user("boss")
    ada = make.person(name="Ada Example")
    log_in(tab, live_server)
    tab.keyboard.press("Control+k")
    tab.locator("#search-input-command").wait_for(state="visible")
    tab.keyboard.type("ada")
    tab.locator("#command-results-list").wait_for()
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("Enter")
    tab.wait_for_url(f"**/people/{ada.pk}/")
    assert tab.locator("h1", has_text="Ada Example").is_visible()


def test_older_entries_follow_without_leaving_the_page(tab: Page, live_server: LiveServer) -> None:
    """SNP-01: one timeline, page by page."""
    make.user("boss")
    ada = make.person()
    record_events([EventInput("login", person_id=ada.pk)] * 40)
    log_in(tab, live_server)
    tab.goto(f"{live_server.url}/people/{ada.pk}/")
    assert tab.locator(".cs-timeline > li").count() == 30
    tab.get_by_role("link", name="Show older").click()
    tab.wait_for_function("document.querySelectorAll('.cs-timeline > li').length === 40")
    assert tab.get_by_role("link", name="Show older").count() == 0

"""journey.js in a real Chromium, on a host page with a strict policy and hostile styles."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from csplatform.customers.models import Event, EventName, Person, Source
from engagements.models import Invitation, Showing, Visitor
from engagements.tracker import scripts
from journeys.models import Participant
from journeys.operations.enroll import enroll
from tests import factories
from tests.browser.host_site import HostSite
from tests.engagements.make import engagement, person, source
from tests.journeys.engine import flows

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
MakeSite = Callable[..., HostSite]


@pytest.fixture
def make_site(live_server: Any) -> Iterator[MakeSite]:
    """A site with the tracker on it; `app` runs after init and identify."""
    made: list[HostSite] = []

    def make(app: str = "", *, of: Source | None = None, **more: Any) -> HostSite:
        key = (of or source()).write_key
        calls = f'journey("init", "{key}"); journey("identify", {{id: "u-1"}});'
        site = HostSite(live_server.url, more.pop("whole", calls + app), **more)
        made.append(site)
        return site

    yield make
    for site in made:
        site.close()


def soon(truth: Callable[[], Any], seconds: float = 6) -> Any:
    """Wait until something holds in the database."""
    end = time.monotonic() + seconds
    while not (found := truth()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
    return found


def events(name: str) -> list[Event]:
    known = EventName.objects.filter(name=name).values_list("pk", flat=True).first()
    return list(Event.objects.filter(name_id=known).order_by("occurred_at")) if known else []


def invite(run_lanes: Callable[..., int], *, content: Any = None) -> None:
    """Ann is to see a dialog, and waits for what she does with it."""
    shown = engagement(content=content)
    program = factories.program(
        factories.step("trigger_engagement", "eng", engagement=shown.pk),
        factories.step(
            "conditional_wait", "cw", amount=3, unit="days",
            conditions=[{"type": "event", "step": "eng", "event": "completed"}],
            exits={"met": [factories.step("exit", "e1", reason="met")], "not_met": []},
        ),
    )  # fmt: skip
    enroll(program.pk, [person()], actor=None)
    run_lanes("live")


def quiet(tab: Page) -> None:
    """Nothing was thrown, nothing broke the page's policy, and there is one global."""
    assert tab.evaluate("errors") == []
    added = tab.evaluate("Object.keys(window).filter(k => !before.includes(k) && k !== 'before')")
    assert added == []


def test_the_core_and_the_renderer_are_light() -> None:
    """TRK-09: stub and core at most 8 KB, the dialog well below 12 KB."""
    stub = (scripts.SOURCES / "tracker" / "stub.js").read_bytes()
    assert len(scripts.core().gzipped) + len(stub) <= 8 * 1024
    dialog = scripts.renderer("dialog")
    assert dialog is not None
    assert len(dialog.gzipped) <= 6 * 1024


def test_a_dialog_is_shown_seen_and_answered(
    tab: Page, make_site: MakeSite, run_lanes: Callable[..., int]
) -> None:
    """TRK-01, ENG-01, ENG-02, ENG-07, ENG-09: the whole way on a hostile page."""
    invite(run_lanes)
    tab.goto(make_site().origin + "/start")
    dialog = tab.get_by_role("dialog", name="Welcome, Ann")
    expect(dialog).to_be_visible()
    heading = dialog.get_by_role("heading")
    assert heading.evaluate("e => getComputedStyle(e).fontSize") == "22px"
    assert dialog.evaluate("e => e.contains(e.getRootNode().activeElement)")
    for _ in range(8):  # focus stays inside
        tab.keyboard.press("Tab")
        assert dialog.evaluate("e => e.contains(e.getRootNode().activeElement)")
    for button in dialog.get_by_role("button").all():
        box = button.bounding_box()
        assert box
        assert min(box["width"], box["height"]) >= 44
    soon(lambda: Invitation.objects.get().state == "viewed")
    dialog.get_by_role("button", name="Show me").click()
    expect(dialog).to_have_count(0)
    soon(lambda: Invitation.objects.get().state == "completed")
    run_lanes("live")
    assert Participant.objects.get().end_reason == "met"
    assert Showing.objects.get().button == "Show me"
    quiet(tab)


def test_seen_means_seen(tab: Page, make_site: MakeSite, run_lanes: Callable[..., int]) -> None:
    """ENG-07: shown for an instant is not viewed before it was answered."""
    invite(run_lanes)
    tab.goto(make_site().origin)
    expect(tab.get_by_role("dialog")).to_be_visible()
    assert not events("engagement.viewed")
    soon(lambda: events("engagement.viewed"))


def test_escape_dismisses_and_gives_the_focus_back(
    tab: Page, make_site: MakeSite, run_lanes: Callable[..., int]
) -> None:
    """ENG-09: Esc, focus return."""
    invite(run_lanes)
    site = make_site("document.getElementById('first').focus();", hostile=False)
    tab.goto(site.origin)
    expect(tab.get_by_role("dialog")).to_be_visible()
    tab.keyboard.press("Escape")
    expect(tab.get_by_role("dialog")).to_have_count(0)
    assert tab.evaluate("document.activeElement.id") == "first"
    soon(lambda: Invitation.objects.get().state == "dismissed")


def test_a_bar_lets_people_work(
    tab: Page, make_site: MakeSite, run_lanes: Callable[..., int]
) -> None:
    """ENG-01: the bar view; right to left, ENG-09."""
    content = {"view": "top", "blocks": [{"kind": "text", "text": "Maintenance on Sunday"},
                                         {"kind": "action", "label": "Understood"}]}  # fmt: skip
    invite(run_lanes, content=content)
    tab.goto(make_site(direction="rtl").origin)
    bar = tab.locator("journey-engagement section")
    expect(bar).to_be_visible()
    assert bar.evaluate("e => getComputedStyle(e).direction") == "rtl"
    assert not tab.evaluate("document.activeElement.matches('journey-engagement')")
    bar.get_by_role("button", name="Understood").click()
    soon(lambda: Invitation.objects.get().state == "completed")
    quiet(tab)


def test_nothing_of_a_content_becomes_markup(
    tab: Page, make_site: MakeSite, run_lanes: Callable[..., int]
) -> None:
    """ENG-02: text stays text, links are links of known schemes."""
    nasty = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>'
    content = {
        "view": "modal",
        "blocks": [
            {"kind": "heading", "text": nasty},
            {"kind": "text", "text": "{{ person.name }}\n\n" + nasty},
            {"kind": "list", "items": [nasty]},
            {"kind": "button", "label": nasty[:90], "url": "https://example.com/"},
        ],
    }
    invite(run_lanes, content=content)
    Person.objects.update(name=nasty)
    tab.goto(make_site().origin)
    dialog = tab.get_by_role("dialog")
    expect(dialog).to_be_visible()
    assert dialog.locator("img, script").count() == 0
    assert dialog.get_by_role("heading").inner_text() == nasty
    link = dialog.get_by_role("link")
    assert link.get_attribute("rel") == "noopener noreferrer"
    assert tab.evaluate("window.hit") is None
    # The renderer trusts nobody, not even the server.
    renderer = make_site().tracker + "/journey/dialog.js"
    count = tab.evaluate(
        """async (source) => { const { open } = await import(source);
        document.querySelector("journey-engagement").close();
        open({view: "modal", blocks: [{kind: "button", label: "x", url: "javascript:alert(1)"},
          {kind: "image", url: "data:text/html,x"}, {kind: "__proto__"}, {kind: "unknown"},
          {kind: "action", label: "OK", does: "complete"}]},
          {viewed() {}, completed() {}, dismissed() {}, failed() {}});
        const root = document.querySelector("journey-engagement").shadowRoot;
        return root.querySelectorAll("a, img").length; }""",
        renderer,
    )
    assert count == 0


def test_what_a_program_sets_off_needs_no_navigation(
    tab: Page, make_site: MakeSite, run_lanes: Callable[..., int]
) -> None:
    """Second looks: the event wakes a program, and its dialog appears on the same page."""
    done = {"test": "event", "name": "anything", "operator": "at_least", "count": 1}
    program = factories.program(
        factories.step(
            "conditional_wait", "cw", amount=3, unit="days", conditions=[flows.asks(done)],
            exits={
                "met": [factories.step("trigger_engagement", "eng", engagement=engagement().pk)],
                "not_met": [],
            },
        ),
    )  # fmt: skip
    enroll(program.pk, [person()], actor=None)
    run_lanes("live")
    tab.clock.install()
    tab.goto(make_site(hostile=False).origin)
    soon(lambda: events("page.viewed"))
    dialog = tab.get_by_role("dialog")
    # The looks of signing in are over; from here the page's timers go as the test says.
    tab.clock.pause_at(datetime.now(UTC) + timedelta(hours=1))
    tab.evaluate("journey('record', 'anything')")
    tab.clock.run_for(25)
    soon(lambda: events("anything"))
    assert dialog.count() == 0
    run_lanes("live")
    soon(lambda: tab.clock.run_for(500) or dialog.is_visible())


def test_page_views_of_a_single_page_site(tab: Page, make_site: MakeSite) -> None:
    """TRK-02: one view per address, with pushState, replaceState and back; secrets stay home."""
    tab.goto(make_site().origin + "/one?token=abc&q=1")
    soon(lambda: len(events("page.viewed")) == 1)
    tab.evaluate("history.replaceState({}, '', location.href)")
    tab.evaluate("document.title = 'Two'; history.pushState({}, '', '/two')")
    soon(lambda: len(events("page.viewed")) == 2)
    tab.evaluate("history.back()")
    soon(lambda: len(events("page.viewed")) == 3)
    seen = [event.properties for event in events("page.viewed")]
    assert [p["path"] for p in seen] == ["/one", "/two", "/one"]
    assert seen[0]["url"].endswith("/one?q=1")
    assert seen[1]["title"] == "Two"
    assert seen[1]["referrer"].endswith("/one?q=1")
    quiet(tab)


@pytest.mark.parametrize(("mode", "views"), [("once", 1), ("off", 0)])
def test_page_views_on_wish(tab: Page, make_site: MakeSite, mode: str, views: int) -> None:
    """TRK-02: once, off, by hand."""
    key = source().write_key
    whole = f'journey("init", "{key}", {{pageviews: "{mode}"}}); journey("record", "ready");'
    tab.goto(make_site(whole=whole).origin)
    soon(lambda: events("ready"))
    tab.evaluate("history.pushState({}, '', '/two'); journey('record', 'moved')")
    soon(lambda: events("moved"))
    assert len(events("page.viewed")) == views
    tab.evaluate("journey('pageview')")
    soon(lambda: len(events("page.viewed")) == views + 1)


def test_identity_history_and_reset(tab: Page, make_site: MakeSite) -> None:
    """TRK-02, TRK-06: history joins at identify; signed out is a new visitor."""
    key = source().write_key
    tab.goto(make_site(whole=f'journey("init", "{key}"); journey("record", "early");').origin)
    early = soon(lambda: events("early"))[0]
    assert early.person_id is None
    tab.evaluate(
        """journey("identify", "u-7", {email: "zoe@example.com", name: "Zoe", role: "Owner"},
        {id: "acme", name: "Acme"})"""
    )
    zoe = soon(lambda: Person.objects.filter(email="zoe@example.com").first())
    soon(lambda: events("early")[0].person_id == zoe.pk)
    assert zoe.role == "Owner"
    assert zoe.memberships.get().company.name == "Acme"
    tab.evaluate("journey('reset'); journey('record', 'late')")
    late = soon(lambda: events("late"))[0]
    assert late.person_id is None
    assert Visitor.objects.count() == 2
    tab.evaluate("journey('identify', 'u-7'); journey('identify', 'u-8')")
    soon(lambda: Person.objects.filter(external_ids__value="u-8").exists())
    assert Visitor.objects.count() == 3


def test_offline_items_are_kept_over_a_page_load(
    tab: Page, window: BrowserContext, make_site: MakeSite
) -> None:
    """TRK-01: retry, back-off, kept in storage; nothing lost, nothing doubled."""
    site = make_site()
    tab.goto(site.origin)
    soon(lambda: events("page.viewed"))
    window.route("**/t/*", lambda route: route.abort())
    tab.evaluate("journey('record', 'while_offline')")
    tab.wait_for_timeout(300)
    # A beacon of the page that is left may get through; then the kept copy is a duplicate.
    tab.goto(site.origin + "/next")
    window.unroute("**/t/*")
    tab.goto(site.origin + "/again")
    soon(lambda: events("while_offline"))
    tab.wait_for_timeout(500)
    assert len(events("while_offline")) == 1
    assert tab.evaluate("Object.keys(localStorage).filter(k => k.endsWith('queue')).length") == 0


def test_leaving_the_page_loses_nothing(tab: Page, make_site: MakeSite) -> None:
    """TRK-01: flush on pagehide."""
    tab.goto(make_site().origin)
    soon(lambda: events("page.viewed"))
    tab.evaluate("journey('record', 'last_words'); location.href = 'about:blank'")
    soon(lambda: events("last_words"))


def test_without_storage_it_still_works(tab: Page, make_site: MakeSite) -> None:
    """TRK-01: storage that throws must not reach the page."""
    tab.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get() { throw new Error('no'); }})"
    )
    tab.goto(make_site("journey('record', 'stored_nothing');").origin)
    soon(lambda: events("stored_nothing"))
    quiet(tab)


def test_wrong_calls_never_throw_into_the_page(tab: Page, make_site: MakeSite) -> None:
    """TRK-01: whatever the page calls, nothing is thrown; `on` tells what was wrong."""
    tab.goto(make_site().origin)
    soon(lambda: events("page.viewed"))
    told = tab.evaluate(
        """async () => {
          const told = [];
          journey("on", "error", (e) => told.push(e.message));
          journey("on", "rejected", (e) => told.push(e.code));
          const circle = {}; circle.self = circle;
          journey(); journey("nonsense"); journey("__proto__"); journey("constructor");
          journey("record", "x", circle); journey("record", "x", {n: 10n});
          journey("identify"); journey("identify", null); journey("record");
          journey("record", "engagement.viewed"); journey("init", "again");
          await new Promise((done) => setTimeout(done, 800));
          return told;
        }"""
    )
    assert "unknown command nonsense" in told
    assert any("circular" in (word or "").lower() for word in told)
    assert len(told) >= 6
    quiet(tab)


def test_two_tabs_show_it_once(
    window: BrowserContext, make_site: MakeSite, run_lanes: Callable[..., int]
) -> None:
    """ENG-05: a hidden tab does not show, and finds it done when it is looked at."""
    invite(run_lanes)
    site = make_site(hostile=False)
    hidden = window.new_page()
    hidden.add_init_script(
        """let state = "hidden";
        Object.defineProperty(document, "visibilityState", {get: () => state});
        window.bring = () => {
          state = "visible";
          document.dispatchEvent(new Event("visibilitychange"));
        };"""
    )
    hidden.goto(site.origin)
    shown = window.new_page()
    shown.goto(site.origin)
    expect(shown.get_by_role("dialog")).to_be_visible()
    shown.get_by_role("button", name="Show me").click()
    soon(lambda: Invitation.objects.get().state == "completed")
    assert hidden.get_by_role("dialog").count() == 0
    hidden.evaluate("bring()")
    hidden.wait_for_timeout(600)
    assert hidden.get_by_role("dialog").count() == 0
    assert Showing.objects.count() == 1


def test_a_blocked_renderer_is_reported(
    tab: Page, window: BrowserContext, make_site: MakeSite, run_lanes: Callable[..., int]
) -> None:
    """ENG-07: not rendered, with a reason."""
    invite(run_lanes)
    window.route("**/journey/dialog.js*", lambda route: route.abort())
    tab.goto(make_site().origin)
    tab.wait_for_timeout(1500)  # routes are answered while playwright waits
    showing = soon(lambda: Showing.objects.first())
    assert showing.not_rendered
    assert Invitation.objects.get().state == "open"
    assert json.dumps(tab.evaluate("errors")) == "[]"

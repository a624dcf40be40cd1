"""The flow editor when something is in the way: sessions, servers, foreign branches, problems."""

import json
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.sessions.models import Session
from django.urls import reverse
from playwright.sync_api import Route, expect

from engagements.models import Engagement
from journeys.models import Program
from journeys.operations.draft import save_draft
from journeys.operations.enroll import enroll
from journeys.sample_flow import sample_flow
from tests import factories as make
from tests.browser.flow_pages import PATIENCE_MS, SAVED, card, open_flow, saved, shape, sign_in
from tests.engagements.make import engagement

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def fork(key: str = "ie", name: str = "Fork", **paths: Any) -> dict[str, Any]:
    return make.step("if_else", key, name=name, exits={"yes": [], "else": []} | paths)


def wait(key: str, name: str) -> dict[str, Any]:
    return make.step("wait_timer", key, name=name, amount=1, unit="days")


def names(program: Program) -> list[str]:
    program.refresh_from_db()
    return [step["name"] for step in program.draft["steps"]]


def test_signed_out_while_editing_keeps_the_edit_until_one_is_back(page, window, live_server):
    """Nothing is lost: the page says so, offers to sign in, and saves by itself afterwards."""
    program = make.program(wait("w1", "Pause"), publish=False)
    open_flow(page, live_server, program)
    card(page, "Pause").click()
    expect(page.locator("[data-step-name]")).to_be_visible()
    Session.objects.all().delete()
    page.locator("[data-step-name]").fill("Written while signed out")
    expect(page.locator("#flow-saved")).to_have_text("Not saved: you are signed out")
    expect(page.locator("#flow-toast")).to_contain_text("Your changes are kept here")
    with window.expect_page() as opened:
        page.get_by_role("button", name="Sign in in a new window").click()
    make.staff("program_manager", username="back")
    opened.value.fill("[name=username]", "back")
    opened.value.fill("[name=password]", "walk-the-dog-7")
    opened.value.click("[type=submit]")
    expect(page.locator("#flow-saved")).to_have_text(SAVED)
    assert names(program) == ["Written while signed out"]


def test_a_server_error_is_told_and_the_edit_tried_again(page, live_server):
    program = make.program(wait("w1", "Pause"), publish=False)
    open_flow(page, live_server, program)
    broken = [500, 500]

    def answer(route: Route) -> None:
        if broken:
            route.fulfill(status=broken.pop(), content_type="text/html", body="<h1>Error</h1>")
        else:
            route.continue_()

    page.route("**/flow/edit/", answer)
    card(page, "Pause").click()
    page.locator("[data-step-name]").fill("Kept")
    expect(page.locator("#flow-saved")).to_contain_text("the server has a problem")
    page.locator("[data-step-name]").fill("Kept too")
    expect(page.locator("#flow-saved")).to_have_text(SAVED)
    assert names(program) == ["Kept too"]


def test_an_edit_that_the_server_never_takes_can_be_given_up(page, live_server):
    program = make.program(wait("w1", "Pause"), publish=False)
    open_flow(page, live_server, program)
    page.route("**/flow/edit/", lambda route: route.fulfill(status=500, body="no"))
    card(page, "Pause").focus()
    page.keyboard.press("Delete")
    page.get_by_role("button", name="Give up this change").click()
    expect(page.locator("#flow-saved")).to_have_text("Not saved")
    page.unroute("**/flow/edit/")
    card(page, "Pause").focus()
    page.keyboard.press("Control+d")
    expect(page.locator("#flow-saved")).to_have_text(SAVED)
    assert names(program) == ["Pause", "Pause 2"]


def test_an_edit_whose_answer_was_lost_is_no_conflict(page, live_server):
    """It had arrived: trying again finds one's own work, and nobody is asked whose to keep."""
    program = make.program(wait("w1", "Pause"), publish=False)
    open_flow(page, live_server, program)
    lost: list[bool] = []

    def lose(route: Route) -> None:
        if lost:
            route.continue_()
            return
        lost.append(True)
        route.fetch()
        route.abort()

    page.route("**/flow/edit/", lose)
    card(page, "Pause").click()
    page.locator("[data-step-name]").fill("Once")
    expect(page.locator("#flow-saved")).to_contain_text("no connection")
    expect(page.locator("#flow-saved")).to_have_text(SAVED)
    expect(page.locator("#flow-conflict")).to_be_hidden()
    assert names(program) == ["Once"]
    assert program.draft_revision == 1
    page.locator("[data-do=undo]").click()
    expect(card(page, "Pause")).to_be_visible()


def test_leaving_with_an_unsaved_field_asks_first(page, live_server):
    program = make.program(wait("w1", "Pause"), publish=False)
    open_flow(page, live_server, program)
    page.route("**/flow/edit/", lambda route: route.abort())
    card(page, "Pause").click()
    page.locator("[data-step-name]").fill("Not yet")
    expect(page.locator("#flow-saved")).to_contain_text("no connection")
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.get_by_role("link", name="Versions").click()
    page.wait_for_url("**/versions/")
    assert asked == ["beforeunload"]


def test_ten_edits_are_undone_and_done_again(page, live_server):
    program = make.program(fork(yes=[wait("w1", "Pause")]), publish=False)
    open_flow(page, live_server, program)
    before = shape(program)
    seen = [before]
    keys = page.keyboard
    for number in range(10):
        card(page, "Pause").focus()
        keys.press("Control+d" if number % 2 else "Alt+ArrowDown" if number % 4 else "Control+d")
        expect(page.locator("#flow-saved")).to_have_text(SAVED)
        page.wait_for_timeout(80)
        seen.append(shape(program))
    steps = 0
    while page.locator("[data-do=undo]").is_enabled():
        page.locator("[data-do=undo]").click()
        expect(page.locator("#flow-saved")).to_have_text(SAVED)
        steps += 1
    assert steps >= 5
    assert shape(program) == before
    for _ in range(steps):
        page.locator("[data-do=redo]").click()
        expect(page.locator("#flow-saved")).to_have_text(SAVED)
    expect(page.locator("[data-do=redo]")).to_be_disabled()
    assert shape(program) == seen[-1]


def test_a_copied_branch_is_pasted_into_another_program(page, live_server):
    mail = make.step("send_email", "m1", name="Hello", template=make.mail_template().pk)
    asks = make.step("conditional_wait", "cw", name="Opened?", exits={"met": [], "not_met": []},
                     conditions=[{"type": "event", "step": "m1", "event": "opened"}])  # fmt: skip
    source = make.program(fork(yes=[mail, asks]), publish=False)
    target = make.program(wait("w9", "Here"), publish=False)
    open_flow(page, live_server, source)
    card(page, "Fork").hover()
    page.get_by_role("button", name="More for “Fork”").click()
    page.get_by_role("menuitem", name="Copy the path “Yes").click()
    open_flow(page, live_server, target)
    card(page, "Here").focus()
    page.keyboard.press("Control+v")
    expect(card(page, "Opened?")).to_be_visible()
    expect(page.locator("#flow-saved")).to_have_text(SAVED)
    assert shape(target) == [
        "wait_timer", "send_email", ("conditional_wait", {"met": [], "not_met": []})
    ]  # fmt: skip
    pasted, waits = target.draft["steps"][1:]
    assert pasted["key"] != "m1"
    assert waits["config"]["conditions"][0]["step"] == pasted["key"]


def test_a_step_is_not_dropped_into_its_own_branch_nor_onto_its_own_place(page, live_server):
    program = make.program(fork(yes=[wait("w1", "Inner")]), wait("w2", "Last"), publish=False)
    open_flow(page, live_server, program)
    page.set_viewport_size({"width": 1400, "height": 1000})
    edits: list[str] = []
    page.on("request", lambda request: "flow/edit" in request.url and edits.append(request.url))

    def drag(what: Any, target: Any) -> None:
        what.hover()
        page.mouse.down()
        for _ in range(3):
            target.hover(force=True)
        page.mouse.up()
        page.wait_for_timeout(200)

    drag(card(page, "Fork"), page.locator('.fl-branch[data-exit="yes"] .fl-gap').first)
    drag(card(page, "Last"), page.locator(".fl-flow > .fl-col > .fl-gap").nth(1))
    assert edits == []
    card(page, "Fork").focus()
    page.keyboard.press("m")
    expect(page.locator('.fl-branch[data-exit="yes"] .fl-plus').first).to_be_hidden()
    page.keyboard.press("Escape")
    drag(card(page, "Last"), page.locator('.fl-branch[data-exit="else"] .fl-gap').first)
    expect(page.locator("#flow-saved")).to_have_text(SAVED)
    assert shape(program) == [("if_else", {"yes": ["wait_timer"], "else": ["wait_timer"]})]


def test_problems_are_walked_through_by_keyboard(page, live_server):
    """PRG-11: F8 goes from one to the next, also into a folded path, with the cursor in place."""
    program = make.program(
        fork(yes=[make.step("wait_timer", "w1", name="Bad", amount=0, unit="days")]),
        make.step("send_email", "m1", name="No mail"),
        publish=False,
    )
    open_flow(page, live_server, program)
    card(page, "Fork").focus()
    page.keyboard.press("f")
    expect(card(page, "Bad")).to_be_hidden()
    expect(card(page, "Fork")).to_contain_text("1 step folded")
    strip = page.locator("#flow-problem")
    page.keyboard.press("F8")
    expect(strip).to_contain_text("1 of")
    expect(strip).to_contain_text("“Bad”")
    expect(card(page, "Bad")).to_be_visible()
    expect(page.locator("[data-name=amount] input")).to_be_focused()
    page.keyboard.press("F8")
    expect(strip).to_contain_text("“No mail”: Choose the mail to send.")
    expect(page.locator("[data-name=template] select")).to_be_focused()
    page.keyboard.press("Shift+F8")
    expect(page.locator("[data-name=amount] input")).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("3")
    saved(page)
    expect(strip).to_contain_text("Solved.")


def test_cards_count_by_themselves_and_tell_of_somebody_else(page, live_server, run_lanes):
    program = make.program(wait("w1", "Pause"))
    open_flow(page, live_server, program)
    enroll(program.pk, [make.person().pk, make.person().pk], actor=None)
    run_lanes()
    expect(card(page, "Pause")).to_contain_text("2 waiting")
    save_draft(
        program.pk, {**program.draft, "steps": [wait("w1", "Theirs")]}, revision=0, actor=None
    )
    page.locator("#flow-toast").get_by_role("button", name="Load it").click()
    expect(card(page, "Theirs")).to_be_visible()


def test_coming_back_to_the_window_shows_what_broke_meanwhile(page, live_server):
    """PRG-09: the engagement is paused in another window while the draft is open."""
    shown = engagement(name="First steps")
    step = make.step("trigger_engagement", "eng", name="Show it", engagement=shown.pk)
    open_flow(page, live_server, make.program(step, publish=False))
    assert page.locator(".has-error").count() == 0
    Engagement.objects.update(state="paused")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(card(page, "Show it")).to_contain_text("“First steps” is paused: launch it again")
    expect(page.locator("#flow-status")).to_contain_text("1 problem")


def test_a_paused_engagement_leads_from_the_list_to_its_step(page, live_server):
    """PRG-09."""
    shown = engagement(name="First steps")
    make.program(make.step("trigger_engagement", "eng", name="Show it", engagement=shown.pk))
    Engagement.objects.update(state="paused")
    page.goto(live_server.url + reverse("admin:journeys_program_changelist"))
    page.get_by_role("link", name="Needs attention").first.click()
    page.wait_for_url("**/snapshot/#step-eng")
    expect(card(page, "Show it")).to_contain_text("“First steps” is paused: launch it again")


def test_a_phone_moves_and_folds_by_tapping(chromium, live_server):
    """390 px: no dragging needed, nothing sticks out while choosing the place."""
    window = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    window.set_default_timeout(PATIENCE_MS)
    sign_in(window, live_server)
    page = window.new_page()
    program = make.program(wait("w1", "First"), fork(yes=[wait("w2", "Inner")]), publish=False)
    open_flow(page, live_server, program)
    page.get_by_role("button", name="More for “First”").tap()
    page.get_by_role("menuitem", name="Move…").tap()
    expect(page.locator("#flow-hint")).to_contain_text("Choose a “+”")
    page.locator('.fl-branch[data-exit="else"] .fl-plus').tap()
    expect(page.locator("#flow-hint")).to_be_hidden()
    expect(page.locator("#flow-saved")).to_have_text(SAVED)
    assert shape(program) == [("if_else", {"yes": ["wait_timer"], "else": ["wait_timer"]})]
    card(page, "Fork").locator("[data-do=fold]").tap()
    expect(card(page, "Inner")).to_be_hidden()
    expect(card(page, "Fork")).to_contain_text("2 steps folded")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    window.close()


# What axe says about the admin's own frame is not ours to change here.
WITHIN = {"include": [["#flow-editor"]]}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_editor_passes_the_accessibility_rules(page, live_server, scheme):
    """ADM-01: names, roles, contrast; with an open panel, problems and a dialog."""
    page.emulate_media(color_scheme=scheme)
    template = make.mail_template().pk
    steps = [*sample_flow(14, 3, template=template)["steps"], make.step("send_email", "m1")]
    program = make.program(*steps, publish=False)
    open_flow(page, live_server, program)
    page.keyboard.press("F8")
    expect(page.locator("#flow-panel")).to_be_visible()
    page.wait_for_timeout(300)
    found = Axe().run(page, context=WITHIN).response["violations"]
    told = [(v["id"], v["impact"], [n["html"][:160] for n in v["nodes"]][:3]) for v in found]
    assert told == [], json.dumps(told, indent=1)

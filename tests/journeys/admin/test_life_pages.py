"""Scheduling, entries off and on, calendar, history, bulk actions in the admin (PRG-40, 41, 45)."""

from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from csplatform.adminkit.navigation import sidebar
from csplatform.kit.clock import now
from journeys.admin.calendar_page import _month, _step
from journeys.models import Folder, Participant, Program, ProgramStateChange
from journeys.operations.draft import save_draft
from journeys.operations.enroll import enroll
from journeys.operations.life import pause_program, resume_program, stop_program
from journeys.operations.schedule import schedule_program
from tests import factories as make

pytestmark = pytest.mark.django_db
TIMER = make.step("wait_timer", "w1", name="A day", amount=1, unit="days")
LIST = "admin:journeys_program_changelist"
CALENDAR = "admin:journeys_program_calendar"
BULK = "admin:journeys_program_bulk_do"


@pytest.fixture
def ann():
    return make.staff("program_manager", first_name="Ann")


@pytest.fixture
def manager(client, ann):
    client.force_login(ann)
    return client


def url(page, program):
    return reverse(f"admin:journeys_program_{page}", args=[program.pk])


def text_of(answer):
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def read(client, name, program, **query):
    return text_of(client.get(url(name, program), query))


def do(client, program, what, **given):
    answer = client.post(url("life_do", program), {"do": what, **given}, follow=True)
    program.refresh_from_db()
    return text_of(answer)


def tomorrow():
    return now() + timedelta(days=1)


# --- publish at a time ----------------------------------------------------------------------------


def test_the_dialog_schedules_and_takes_back(manager, ann):
    program = make.program(TIMER, publish=False)
    dialog = read(manager, "publish", program, do="publish")
    assert "At a time" in dialog
    assert "Time in UTC" in dialog
    given = {"when": "later", "day": f"{tomorrow():%Y-%m-%d}", "time": "09:30", "revision": "0"}
    page = do(manager, program, "publish", **given)
    assert "Scheduled: it is published by itself on" in page
    assert (program.state, program.publish_by) == ("scheduled", ann)
    assert program.publish_at == tomorrow().replace(hour=9, minute=30, second=0, microsecond=0)
    assert "Until then the flow cannot be edited" in page
    assert "Read only" in page
    assert 'data-life="publish"' not in page
    assert "09:30 UTC then" in read(manager, "publish", program, do="unschedule")
    page = do(manager, program, "unschedule", reason="Too early")
    assert (program.state, program.publish_at) == ("draft", None)
    assert "All changes saved" in page


@pytest.mark.parametrize(
    ("day", "clock", "sentence"),
    [
        ("", "09:00", "Choose a date"),
        ("２０２７-01-01", "09:00", "Choose a date"),
        ("2027-02-30", "09:00", "Choose a date"),
        ("morgen", "09:00", "Choose a date"),
        ("2027-01-01", "", "Give the time"),
        ("2027-01-01", "25:00", "Give the time"),
        ("2027-01-01", "０９:00", "Give the time"),
        ("2027-01-01", "09:00+02:00", "Give the time"),
        ("2020-01-01", "09:00", "This time is over"),
        ("9999-12-31", "23:59", "within the next two years"),
    ],
)
def test_bad_dates_give_a_sentence(manager, day, clock, sentence):
    program = make.program(TIMER, publish=False)
    page = do(manager, program, "publish", when="later", day=day, time=clock)
    assert sentence in page
    assert program.state == "draft"


def test_the_dialog_names_what_is_used_with_links(manager):
    mail = make.mail_template(name="Hello there")
    program = make.program(make.step("send_email", "ml", template=mail.pk), publish=False)
    dialog = read(manager, "publish", program, do="publish")
    address = reverse("admin:journeys_emailtemplate_change", args=[mail.pk])
    assert f'href="{address}" target="_blank">Hello there</a>' in dialog


def test_the_dialog_tells_what_else_starts_around_the_day(manager, ann):
    program, near, far = (make.program(TIMER, publish=False) for _ in range(3))
    schedule_program(near.pk, tomorrow(), actor=ann)
    schedule_program(far.pk, tomorrow() + timedelta(days=9), actor=ann)
    day = f"{tomorrow():%Y-%m-%d}"
    shown = read(manager, "life_around", program, day=day)
    assert near.name in shown
    assert far.name not in shown
    assert near.name not in read(manager, "life_around", near, day=day)
    assert "Choose a date" in read(manager, "life_around", program, day="x")
    for edge in ("0001-01-01", "9999-12-31"):
        assert "Nothing else" in read(manager, "life_around", program, day=edge)


def test_a_failure_is_seen_in_list_home_and_editor_until_the_draft_is_edited(manager):
    program = make.program(TIMER, publish=False)
    failure = [{"step": "w1", "path": "/steps/0", "code": "x", "message": "The tour is paused."}]
    Program.objects.filter(pk=program.pk).update(publish_failure=failure)
    page = read(manager, "flow", program)
    assert "The scheduled publishing failed" in page
    assert f'{url("flow", program)}?step=w1" data-goto="w1">A day</a>: The tour is paused.' in page
    assert "Stopped the publishing: The tour is paused." in page
    assert "Publishing failed" in text_of(manager.get(reverse(LIST)))
    other = make.program(TIMER, publish=False)
    listed = text_of(manager.get(reverse(LIST), {"publishing": "failed"}))
    assert program.name in listed
    assert other.name not in listed
    assert f"publishing of “{program.name}” failed" in text_of(manager.get(reverse("admin:index")))
    save_draft(program.pk, make.flow(), revision=0, actor=None)
    assert "publishing failed" not in read(manager, "flow", program).lower()


def test_pages_that_wait_can_ask_where_it_stands(manager, ann):
    program = make.program(TIMER, publish=False)
    schedule_program(program.pk, tomorrow(), actor=ann)
    found = manager.get(url("life_state", program)).json()
    assert found == {"state": "scheduled", "scheduled": True}


# --- entries off and on ---------------------------------------------------------------------------


def test_entries_go_off_and_on_by_dialogs(manager, run_lanes):
    program = make.program(TIMER)
    enroll(program.pk, make.ids(make.people(2)), actor=None)
    run_lanes()
    assert "What happens to the 2 inside?" in read(manager, "publish", program, do="disable")
    page = do(manager, program, "disable", runs="freeze", reason="Wait for the release")
    assert (program.state, program.accepts_entries) == ("paused", False)
    assert "2 stand still" in page
    assert "No new entries" in page
    assert "Wait for the release" in page
    dialog = read(manager, "publish", program, do="enable")
    assert "2 were frozen" in dialog
    assert "Nobody came meanwhile." in dialog
    assert "2 go on where they stood." in do(manager, program, "enable")
    assert (program.state, program.accepts_entries) == ("active", True)


def test_stopping_is_said_to_be_final_and_nothing_is_offered_afterwards(manager):
    program = make.program(TIMER)
    assert "cannot be undone" in read(manager, "publish", program, do="stop")
    do(manager, program, "stop")
    for page in ("flow", "snapshot", "versions", "life_history"):
        assert "data-life=" not in read(manager, page, program), page
    for what in ("publish", "unschedule", "disable", "enable", "pause", "resume", "stop"):
        assert "stopped" in do(manager, program, what).lower()
        assert program.state == "stopped"
    offered = text_of(manager.get(reverse(LIST)))
    assert 'value="stop_selected"' not in offered


@pytest.mark.parametrize("what", ["unschedule", "disable", "enable"])
def test_a_life_is_changed_by_those_who_may(client, what):
    client.force_login(make.staff("csm"))
    program = make.program(TIMER)
    assert client.get(url("publish", program), {"do": what}).status_code == 403
    assert client.post(url("life_do", program), {"do": what}).status_code == 403
    assert client.post(reverse(BULK), {"do": "disable", "id": [program.pk]}).status_code == 403
    assert 'value="disable_selected"' not in text_of(client.get(reverse(LIST)))


def choose(client, action, programs):
    given = {"action": action, "_selected_action": make.ids(programs)}
    return text_of(client.post(reverse(LIST), given))


def test_bulk_actions_name_the_programs_ask_and_do(manager, run_lanes):
    first, second, draft = make.program(TIMER), make.program(TIMER), make.program(publish=False)
    enroll(first.pk, make.ids(make.people(3)), actor=None)
    run_lanes()
    page = choose(manager, "disable_selected", [first, second, draft])
    assert "Take no new entries: 2 programs?" in page
    assert "3 are inside." in page
    assert all(program.name in page for program in (first, second, draft))
    assert "Stays as it is." in page
    given = {"do": "disable", "id": make.ids([first, second, draft]), "runs": "freeze",
             "reason": "Holidays"}  # fmt: skip
    page = text_of(manager.post(reverse(BULK), given, follow=True))
    assert "2 programs take nobody new in now." in page
    assert f"{draft}: A draft program cannot be closed to new entries." in page
    assert set(Participant.objects.values_list("state", flat=True)) == {"paused"}
    assert first.state_changes.first().reason == "Holidays"
    page = choose(manager, "enable_selected", [first, draft])
    assert "Take entries again: 1 program?" in page
    manager.post(reverse(BULK), {"do": "enable", "id": [first.pk]})
    first.refresh_from_db()
    assert (first.state, first.accepts_entries) == ("active", True)
    manager.post(reverse(BULK), {"do": "pause", "id": [first.pk]})
    assert "Resume: 1 program?" in choose(manager, "resume_selected", [first])
    manager.post(reverse(BULK), {"do": "resume", "id": [first.pk]})
    first.refresh_from_db()
    assert first.state == "active"
    assert "None of these programs" in choose(manager, "resume_selected", [draft])


def test_bulk_takes_no_nonsense(manager):
    assert manager.post(reverse(BULK), {"do": "stop"}).status_code == 404
    assert manager.post(reverse(BULK), {"do": "pause", "id": ["x", "９"]}).status_code == 302


# --- calendar -------------------------------------------------------------------------------------


def test_the_calendar_shows_what_comes_and_what_was(manager, ann, client):
    running, coming = make.program(TIMER), make.program(TIMER, publish=False)
    pause_program(running.pk, actor=ann, reason="Wrong link")
    resume_program(running.pk, actor=ann)
    stop_program(running.pk, actor=ann)
    when = tomorrow() + timedelta(days=40)
    schedule_program(coming.pk, when, actor=ann)
    page = text_of(manager.get(reverse(CALENDAR)))
    for label in ("Published", "Paused", "Resumed", "Stopped"):
        assert f"{label}</span><b>{running.name}" in page
    assert url("snapshot", running) in page
    later = text_of(manager.get(reverse(CALENDAR), {"month": f"{when:%Y-%m}"}))
    assert f"Will be published</span><b>{coming.name}" in later
    assert url("flow", coming) in later
    assert reverse(CALENDAR) in text_of(manager.get(reverse(LIST)))


def test_the_calendar_is_filtered_by_folder_type_and_state(manager):
    folder = Folder.objects.create(name="Onboarding")
    one, other = make.program(TIMER), make.program(TIMER, type="company")
    Program.objects.filter(pk=one.pk).update(folder=folder)
    pause_program(other.pk, actor=None)
    for query, shown in (
        ({"folder": folder.pk}, {one}),
        ({"folder": "none"}, {other}),
        ({"type": "company"}, {other}),
        ({"state": "paused"}, {other}),
        ({"state": "active", "type": "person"}, {one}),
        ({"folder": "９", "type": "?", "state": "?"}, {one, other}),
    ):
        page = text_of(manager.get(reverse(CALENDAR), query))
        assert {p for p in (one, other) if p.name in page} == shown, query


def test_the_sidebar_lights_the_nearest_entry(rf, ann):
    """The calendar's address lies below that of the programs."""
    lit = {}
    for address in (CALENDAR, LIST, "admin:journeys_program_add"):
        request = rf.get(reverse(address))
        request.user = ann
        items = [item for group in sidebar(request) for item in group["items"]]
        lit[address] = [item["title"] for item in items if item["active"]]
    assert list(lit.values()) == [["Program calendar"], ["Programs"], ["Programs"]]


def test_an_empty_month_says_what_to_do(manager):
    page = text_of(manager.get(reverse(CALENDAR)))
    assert "schedule it in the dialog" in page
    filtered = text_of(manager.get(reverse(CALENDAR), {"state": "paused"}))
    assert "Nothing of these programs" in filtered


def test_months_of_nonsense_are_the_present_one_and_the_ends_are_ends():
    today = datetime(2026, 11, 25, tzinfo=UTC).date()
    first = today.replace(day=1)
    for text in ("", "2026-13", "x", "２０２６-11", "0001-01", "9999-01", "2026-1"):
        assert _month(text, today) == first, text
    assert _step(first, 1) == datetime(2026, 12, 1, tzinfo=UTC).date()
    assert _step(first, 2) == datetime(2027, 1, 1, tzinfo=UTC).date()
    assert _step(datetime(2100, 12, 1, tzinfo=UTC).date(), 1) is None
    assert _step(datetime(2000, 1, 1, tzinfo=UTC).date(), -1) is None


def cost(client, address):
    with CaptureQueriesContext(connection) as queries:
        text_of(client.get(address))
    return len(queries)


def test_a_calendar_costs_the_same_for_few_and_many(manager, ann):
    make.program(TIMER)
    few = cost(manager, reverse(CALENDAR))
    for _ in range(12):
        pause_program(make.program(TIMER).pk, actor=ann)
        schedule_program(make.program(TIMER, publish=False).pk, tomorrow(), actor=ann)
    assert cost(manager, reverse(CALENDAR)) == few


# --- history --------------------------------------------------------------------------------------


def test_the_history_tells_who_why_and_how_long(manager, ann):
    program = make.program(TIMER)
    pause_program(program.pk, actor=ann, reason="Wrong link")
    resume_program(program.pk, actor=ann)
    begun = program.state_changes.get(what="paused")
    ProgramStateChange.objects.filter(pk=begun.pk).update(at=begun.at - timedelta(hours=3))
    page = read(manager, "life_history", program)
    assert "stood still for 3 hours" in page
    assert "Paused 1 time, 3 hours" in page
    assert "Wrong link" in page
    assert str(ann) in page
    assert ">Published</span>" in page
    pauses = read(manager, "life_history", program, topic="pauses")
    assert ">Published</span>" not in pauses
    assert ">Resumed</span>" in pauses
    assert "Nothing of this" in read(manager, "life_history", program, topic="ends")
    assert "Never paused" in read(manager, "life_history", make.program(TIMER))
    assert "Nothing has happened yet" in read(manager, "life_history", make.program(publish=False))


def test_a_history_costs_the_same_for_few_and_many(manager, ann):
    few, many = make.program(TIMER), make.program(TIMER)
    for _ in range(10):
        pause_program(many.pk, actor=ann)
        resume_program(many.pk, actor=ann)
    addresses = [url("life_history", program) for program in (few, many)]
    assert cost(manager, addresses[0]) == cost(manager, addresses[1])

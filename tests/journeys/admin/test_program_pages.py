"""List, life cycle, snapshot, participants, versions, enrolling (PRG-01, 24, 40 to 45, 60, 61)."""

from html import unescape

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse

from csplatform.accounts.models import AuditEntry
from csplatform.kit.clock import now
from csplatform.segments.models import Member, Segment
from journeys.models import Folder, Participant, Program
from journeys.operations.draft import save_draft
from journeys.operations.enroll import enroll
from journeys.snapshot.counts import program_figures
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager(client):
    client.force_login(make.staff("program_manager"))
    return client


def url(page, program):
    return reverse(f"admin:journeys_program_{page}", args=[program.pk])


def read(client, name, program, **query):
    answer = client.get(url(name, program), query)
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def waiting_program(**more):
    return make.program(
        make.step("wait_timer", "w1", name="A day", amount=1, unit="days"),
        make.step("exit", "ex", reason="seen"),
        **more,
    )


# --- list and form (PRG-01) ---------------------------------------------------------------------


def test_an_empty_list_says_what_to_do(manager):
    page = manager.get(reverse("admin:journeys_program_changelist")).content.decode()
    assert "Create your first program in five minutes" in page


def test_creating_leads_straight_to_the_editor(manager):
    folder = Folder.objects.create(name="Onboarding")
    values = {"name": "Welcome", "type": "company", "folder": folder.pk, "description": "Hello"}
    answer = manager.post(reverse("admin:journeys_program_add"), values)
    made = Program.objects.get()
    assert answer["Location"] == url("flow", made)
    assert (made.name, made.type, made.folder, made.state) == (
        "Welcome",
        "company",
        folder,
        "draft",
    )


def test_tabs_are_of_a_program_that_exists(manager):
    """ADM-01: while adding there is nothing to lead to."""
    assert (
        'id="tabs-items"'
        not in manager.get(reverse("admin:journeys_program_add") + "?model=journey").text
    )
    program = make.program(publish=False)
    page = manager.get(url("change", program)).text
    assert 'id="tabs-items"' in page
    assert url("flow", program) in page


def test_the_list_shows_filters_and_figures(manager, run_lanes):
    program = waiting_program()
    enroll(program.pk, make.ids(make.people(3)), actor=None)
    other = make.program(publish=False)
    list_url = reverse("admin:journeys_program_changelist")
    page = manager.get(list_url).content.decode()
    assert f'{url("participants", program)}?state=running">3</a>' in page
    assert "Uncategorized" in page
    active = manager.get(list_url, {"state__exact": "active"}).content.decode()
    assert program.name in active
    assert other.name not in active
    assert other.name in manager.get(list_url, {"q": other.name}).content.decode()


def test_cloning_gives_a_draft_and_only_unused_drafts_are_deleted(manager):
    program = waiting_program()
    answer = manager.post(url("clone", program))
    copy = Program.objects.exclude(pk=program.pk).get()
    assert answer["Location"] == url("flow", copy)
    assert (copy.state, copy.draft) == ("draft", program.draft)
    assert manager.post(url("delete", program), {"post": "yes"}).status_code == 403
    manager.post(url("delete", copy), {"post": "yes"})
    assert list(Program.objects.all()) == [program]


def test_cloning_is_offered_to_those_who_may_add(manager, client):
    program = waiting_program()
    assert url("clone", program) in manager.get(url("change", program)).text
    client.force_login(make.staff("analyst"))
    page = client.get(url("change", program))
    assert page.status_code == 200
    assert url("clone", program) not in page.text


def test_settings_go_through_the_operation(manager):
    program = waiting_program()
    manager.post(url("change", program), {"name": "New name", "description": "", "folder": ""})
    program.refresh_from_db()
    assert (program.name, program.type) == ("New name", "person")


# --- life cycle (PRG-40, 45) --------------------------------------------------------------------


def segment_of(people):
    segment = Segment.objects.create(name="Trials", subject="person", kind="static")
    for person in people:
        Member.objects.create(segment=segment, subject_id=person.pk, since=now())
    return segment


def test_the_publish_dialog_counts_who_enters_and_who_does_not(manager, run_lanes):
    churned = make.company(status="churned")
    people = [make.person(), make.person(), make.person(at=churned)]
    source = {"kind": "segment", "segment": segment_of(people).pk}
    program = waiting_program(publish=False, entry={"sources": [source]})
    dialog = read(manager, "publish", program, do="publish")
    assert "?of=enter" in dialog
    assert "enter at once</a>" in dialog
    assert "The company has churned." in dialog
    answer = manager.post(url("life_do", program), {"do": "publish", "revision": "0"})
    assert answer["Location"] == url("snapshot", program)
    run_lanes()
    assert Participant.objects.filter(program=program, state="active").count() == 2
    assert "The company has churned." in read(manager, "snapshot", program)


def test_publishing_says_whether_anybody_enters_by_itself(manager):
    program = waiting_program(publish=False)
    dialog = read(manager, "publish", program, do="publish")
    assert "you enrol people by hand" in dialog
    assert "enter by themselves" not in dialog
    answer = manager.post(url("life_do", program), {"do": "publish"}, follow=True)
    assert "Now enrol people by hand." in answer.text
    source = {"kind": "segment", "segment": segment_of([]).pk}
    other = waiting_program(publish=False, entry={"sources": [source]})
    assert "people enter by themselves" in read(manager, "publish", other, do="publish")
    answer = manager.post(url("life_do", other), {"do": "publish"}, follow=True)
    assert "People enter from now on." in answer.text


def test_errors_block_publishing_and_lead_to_their_step(manager):
    program = make.program(make.step("send_email", "ml", name="Greet"), publish=False)
    dialog = read(manager, "publish", program, do="publish")
    assert 'data-goto="ml">Greet</a>' in dialog
    assert "Choose the mail to send." in dialog
    assert 'is-main" disabled' in dialog
    answer = manager.post(url("life_do", program), {"do": "publish"}, follow=True)
    assert "Choose the mail to send." in answer.content.decode()
    program.refresh_from_db()
    assert program.state == "draft"


def test_pause_resume_and_stop_say_what_happens(manager, run_lanes):
    program = waiting_program()
    enroll(program.pk, make.ids(make.people(2)), actor=None)
    run_lanes()
    assert "2 inside finish the step" in read(manager, "publish", program, do="pause")
    manager.post(url("life_do", program), {"do": "pause", "reason": "Wrong link"})
    assert set(Participant.objects.values_list("state", flat=True)) == {"paused"}
    assert "Wrong link" in read(manager, "snapshot", program)
    manager.post(url("life_do", program), {"do": "resume"})
    assert set(Participant.objects.values_list("state", flat=True)) == {"active"}
    assert "cannot be undone" in read(manager, "publish", program, do="stop")
    manager.post(url("life_do", program), {"do": "stop"})
    assert set(Participant.objects.values_list("state", flat=True)) == {"removed"}
    program.refresh_from_db()
    assert program.state == "stopped"


@pytest.mark.parametrize("what", ["publish", "pause", "resume", "stop"])
def test_publishing_needs_its_permission(client, what):
    client.force_login(make.staff("csm"))
    program = waiting_program()
    assert client.get(url("publish", program), {"do": what}).status_code == 403
    assert client.post(url("life_do", program), {"do": what}).status_code == 403


def test_versions_tell_their_changes_and_can_be_restored(manager):
    """PRG-42."""
    program = waiting_program()
    changed = make.flow(make.step("wait_timer", "w1", name="A day", amount=5, unit="days"))
    save_draft(program.pk, changed, revision=0, actor=None)
    assert "Removed “ex” (Exit)." in read(manager, "publish", program, do="discard")
    manager.post(url("life_do", program), {"do": "publish"})
    page = read(manager, "versions", program, show="1")
    assert "“A day”: Wait for 1 → 5." in page
    assert "Leaves the program: seen" in page
    program.refresh_from_db()
    seen = str(program.draft_revision)
    assert f'name="revision" value="{seen}"' in read(manager, "versions", program)
    save_draft(
        program.pk, program.draft, revision=program.draft_revision, actor=None
    )  # a colleague
    refused = manager.post(url("versions_do", program), {"version": "1", "revision": seen})
    assert "Somebody else changed this flow" in str(list(get_messages(refused.wsgi_request)))
    gone = manager.post(url("life_do", program), {"do": "discard", "revision": seen})
    assert "Somebody else changed this flow" in str(list(get_messages(gone.wsgi_request)))
    later = str(int(seen) + 1)
    manager.post(url("versions_do", program), {"version": "1", "revision": later})
    program.refresh_from_db()
    assert program.draft == program.versions.get(number=1).document
    assert AuditEntry.objects.get(verb="program.restore").subject_id == str(program.pk)


# --- snapshot and participants (PRG-60) -----------------------------------------------------------


@pytest.fixture
def travelled(run_lanes):
    """Four through a split: two wait, one left by Exit, one failed."""
    program = make.program(
        make.step("if_else", "ie", name="Admin?", paths=[{"key": "yes", "label": "Yes", "rule": {
            "all": [{"test": "attribute", "name": "role", "operator": "equals", "value": "admin"}]
        }}], exits={"yes": [make.step("exit", "ex", name="Out")], "else": []}),
        make.step("wait_timer", "w1", name="A day", amount=1, unit="days"),
    )  # fmt: skip
    people = [make.person(role="admin", name="Ada"), *(make.person() for _ in range(3))]
    enroll(program.pk, make.ids(people), actor=None)
    run_lanes()
    failed = Participant.objects.filter(program=program, person=people[3])
    failed.update(state="failed", ended_at="2026-01-01T00:00Z", due_at=None, end_reason="Boom")
    return program


def test_every_figure_leads_to_the_participants_behind_it(manager, travelled):
    figures = program_figures(travelled.pk)
    assert (figures.entered, figures.inside) == (4, 2)
    assert figures.steps["ie"].exits == {"yes": 1, "else": 3}
    assert figures.steps["ie"].reached == 4
    assert (figures.steps["w1"].here, figures.steps["ex"].left) == (2, 1)
    for query, count in (
        ({"step": "ie", "what": "done"}, 4),
        ({"step": "ie", "what": "done", "exit": "yes"}, 1),
        ({"step": "ie", "what": "reached"}, 4),
        ({"step": "w1", "what": "here"}, 2),
        ({"step": "w1", "what": "failed"}, 1),
        ({"step": "ex", "what": "left"}, 1),
        ({"state": "running"}, 2),
        ({"state": "failed"}, 1),
        ({"q": "ada"}, 1),
        ({"state": "nonsense", "what": "?", "page": "x"}, 4),
        ({"goal": "1"}, 0),
    ):
        page = read(manager, "participants", travelled, **query)
        assert f">{count} participant" in page, query
    live = read(manager, "snapshot_live", travelled)
    assert "step=ie&what=done&exit=yes" in live


def test_figures_cost_the_same_for_few_and_many(travelled, django_assert_num_queries):
    with django_assert_num_queries(4):
        program_figures(travelled.pk)


def test_ticked_participants_are_removed_or_retried(manager, travelled, run_lanes):
    rows = Participant.objects.filter(program=travelled)
    failed, waiting = rows.get(state="failed"), rows.filter(state="active").first()
    manager.post(url("participants_do", travelled), {"do": "retry", "id": [failed.pk]})
    failed.refresh_from_db()
    assert failed.state == "active"
    data = {"do": "remove", "id": [waiting.pk, "x", "9" * 40], "reason": "Asked us to"}
    manager.post(url("participants_do", travelled), data)
    waiting.refresh_from_db()
    assert (waiting.state, waiting.end_reason) == ("removed", "Asked us to")


def test_only_own_participants_and_safe_ways_back(manager, travelled):
    stranger = waiting_program()
    enroll(stranger.pk, [make.person().pk], actor=None)
    row = Participant.objects.get(program=stranger)
    data = {"do": "remove", "id": [row.pk], "back": "https://evil.example/"}
    answer = manager.post(url("participants_do", travelled), data)
    assert answer["Location"] == url("participants", travelled)
    row.refresh_from_db()
    assert row.state == "active"


# --- the feed (PRG-61) ----------------------------------------------------------------------------


def test_the_feed_tells_everything_with_its_reasons(
    manager, travelled, django_assert_max_num_queries
):
    ada = Participant.objects.get(program=travelled, person__name="Ada")
    with django_assert_max_num_queries(16):
        answer = manager.get(reverse("admin:journeys_participant_change", args=[ada.pk]))
    page = unescape(answer.content.decode())
    for told in ("Entered the program", "by hand", "“Admin?”: Yes", "Role", "Left the program"):
        assert told in page
    assert " UTC" in page


def test_feeds_are_for_those_who_may_see_them(client, travelled):
    row = Participant.objects.filter(program=travelled).first()
    client.force_login(make.staff("analyst"))
    address = reverse("admin:journeys_participant_change", args=[row.pk])
    assert client.get(address).status_code == 200
    assert "Take out" not in client.get(address).content.decode()
    act = reverse("admin:journeys_participant_do", args=[row.pk])
    assert client.post(act, {"do": "remove"}).status_code == 403
    assert client.get("/admin/journeys/participant/x/change/").status_code == 302


# --- enrolling by hand --------------------------------------------------------------------------


def test_pasted_addresses_enter_and_unknown_ones_are_named(manager):
    program = waiting_program()
    ann, bob = make.person(email="ann@example.com"), make.person(email="Bob@Example.com")
    lines = "ANN@example.com\n bob@example.com;\nnobody@example.com, ann@example.com"
    answer = manager.post(url("enroll", program), {"lines": lines}, follow=True)
    page = unescape(answer.content.decode())
    assert "2 entered." in page
    assert "Nobody is known as: nobody@example.com." in page
    people = Participant.objects.filter(program=program).values_list("person", flat=True)
    assert set(people) == {ann.pk, bob.pk}


def test_who_is_refused_is_told_with_the_reason(manager):
    """PRG-24."""
    program = waiting_program()
    out = make.person(at=make.company(status="churned"), email="out@example.com")
    answer = manager.post(url("enroll", program), {"lines": out.email}, follow=True)
    assert "1 did not get in: The company has churned." in unescape(answer.content.decode())


def test_searching_and_ticking(manager):
    program = waiting_program()
    someone = make.person(name="Zoë Quist")
    assert f'value="{someone.pk}"' in read(manager, "enroll", program, q="zoë")
    manager.post(url("enroll", program), {"id": [someone.pk]})
    assert Participant.objects.get().person == someone


def test_unknown_lines_stay_to_be_put_right(manager):
    make.person(email="ann@example.com")
    lines = "ann@example.com\nnobody@example.com"
    page = manager.post(url("enroll", waiting_program()), {"lines": lines}).text
    assert "\nnobody@example.com</textarea>" in page
    assert Participant.objects.count() == 1


def test_a_second_search_keeps_the_ticks_of_the_first(manager):
    program = waiting_program()
    first, second = make.person(name="Zoë Quist"), make.person(name="Yann Berg")
    values = {"do": "search", "q": "yann", "id": [first.pk], "lines": "a@example.com"}
    page = manager.post(url("enroll", program), values).text
    assert f'name="id" value="{first.pk}" checked' in page
    assert f'name="id" value="{second.pk}">' in page
    assert "a@example.com</textarea>" in page
    assert not Participant.objects.exists()


def test_a_draft_takes_nobody(manager):
    program = waiting_program(publish=False)
    someone = make.person()
    answer = manager.post(url("enroll", program), {"id": [someone.pk]}, follow=True)
    assert "Publish the program before" in unescape(answer.content.decode())
    assert not Participant.objects.exists()


def test_companies_enter_by_name_or_id(manager):
    program = waiting_program(type="company")
    make.company(name="Acme"), make.company(name="Other", external_id="C-7")
    manager.post(url("enroll", program), {"lines": "acme\nC-7"})
    assert Participant.objects.filter(program=program).count() == 2


def test_ticked_people_enter_by_the_bulk_action(manager):
    """From the people list: choose a program, and they are in."""
    program, ann = waiting_program(), make.person(name="Ann")
    other_type = waiting_program(type="company")
    list_url = reverse("admin:customers_person_changelist")
    data = {"action": "enroll_in_program", "_selected_action": [ann.pk]}
    page = unescape(manager.post(list_url, data).content.decode())
    assert "Enrol 1 people in a program" in page
    assert program.name in page
    assert other_type.name not in page
    chosen = {"program": program.pk, "id": [ann.pk]}
    manager.post(reverse("admin:journeys_program_enroll_chosen"), chosen)
    assert Participant.objects.get(program=program).person == ann


# --- on other pages -----------------------------------------------------------------------------


def test_programs_stand_on_snapshots_timelines_and_the_home_page(manager, travelled):
    ada = Participant.objects.get(program=travelled, person__name="Ada").person
    page = unescape(manager.get(reverse("person-snapshot", args=[ada.pk])).content.decode())
    assert travelled.name in page
    assert f"{travelled.name}: “Admin?”: Yes" in page
    home = unescape(manager.get(reverse("admin:index")).content.decode())
    assert "Active programs" in home
    assert "failed at a step" in home


def test_a_company_shows_the_runs_of_its_people(manager, run_lanes):
    company = make.company()
    program, person = waiting_program(), make.person(at=company, name="Eve")
    enroll(program.pk, [person.pk], actor=None)
    run_lanes()
    page = unescape(manager.get(reverse("company-snapshot", args=[company.pk])).content.decode())
    assert f"{program.name}: Entered the program" in page
    assert "A day" in page


def test_participants_of_all_programs_are_found_by_the_beginning(manager, travelled):
    list_url = reverse("admin:journeys_participant_changelist")
    page = manager.get(list_url, {"q": "AD"}).content.decode()
    assert "Ada" in page
    assert page.count(f'{url("snapshot", travelled)}"') == 1
    failed = manager.get(list_url, {"state__exact": "failed"}).content.decode()
    assert "Ada" not in failed
    assert travelled.name in failed

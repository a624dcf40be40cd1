"""From the program step to the browser and back (PRG-09, PRG-41, PRG-43, ENG-03, 04, 07, 08)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from csplatform.customers.models import Event, EventName, Person
from csplatform.customers.operations.merge import merge_people
from csplatform.kit import sql
from csplatform.kit.errors import DomainError
from engagements.inapp.operations.drafts import save_draft
from engagements.inapp.operations.life import end_engagement, launch_engagement, pause_engagement
from engagements.models import Engagement, Invitation, ProgramLink, Showing
from journeys.models import (
    Participant,
    Program,
    ProgramVersion,
    Refusal,
    Transition,
)
from journeys.operations.amend import amend_step
from journeys.operations.enroll import enroll
from journeys.operations.life import stop_program
from journeys.operations.publish import publish_program
from tests import factories
from tests.engagements.make import Browser, engagement, person, source

pytestmark = pytest.mark.django_db
Lanes = Callable[..., int]


def program(shown: Engagement, *, waits_for: str = "completed", **more: Any) -> Program:
    """Show the engagement, then wait for what comes of it."""
    return factories.program(
        factories.step("trigger_engagement", "eng", engagement=shown.pk),
        factories.step(
            "conditional_wait", "cw", amount=3, unit="days",
            conditions=[{"type": "event", "step": "eng", "event": waits_for}],
            exits={"met": [factories.step("exit", "e1", reason="met")],
                   "not_met": [factories.step("exit", "e2", reason="not met")]},
        ),
        **more,
    )  # fmt: skip


def signed_in(user_id: str = "u-1") -> Browser:
    browser = Browser(source())
    browser.identify(user_id)
    return browser


def count(name: str) -> int:
    name_id = EventName.objects.filter(name=name).values_list("pk", flat=True).first()
    return Event.objects.filter(name_id=name_id).count()


def test_the_whole_way(run_lanes: Lanes) -> None:
    """ENG-08, PRG-07: the step invites, the tracker shows, the click moves the participant on."""
    ann = person()
    shown = engagement()
    enroll(program(shown).pk, [ann], actor=None)
    run_lanes("live")
    invitation = Invitation.objects.get()
    assert (invitation.state, invitation.person_id) == ("open", ann)
    assert Participant.objects.get().refs == {"eng": invitation.pk}
    browser = signed_in()
    show = browser.look()
    assert show["renderer"] == "dialog"
    assert show["content"]["blocks"][0]["text"] == "Welcome, Ann"
    results = browser.report(show, "viewed").reply["results"]
    assert [r["status"] for r in results] == ["ok"]
    run_lanes("live")
    assert Participant.objects.get().state == "active"
    reply = browser.report(show, "completed", button="Show me").reply
    assert reply["again"]
    run_lanes("live")
    run = Participant.objects.get()
    assert (run.state, run.end_reason) == ("completed", "met")
    invitation.refresh_from_db()
    assert invitation.state == "completed"
    assert invitation.viewed_at <= invitation.completed_at
    showing = Showing.objects.get()
    assert (showing.button, showing.release) == ("Show me", 1)
    assert showing.shown_at
    assert showing.completed_at
    assert browser.look() is None


def test_reports_in_any_order_and_again_count_once(run_lanes: Lanes) -> None:
    """TRK-07, ENG-07: a reordered or repeated batch gives the same end state."""
    enroll(program(engagement()).pk, [person()], actor=None)
    run_lanes("live")
    browser = signed_in()
    show = browser.look()
    browser.report(show, "completed")
    late = browser.report(show, "viewed", "completed").reply["results"]
    assert [r["status"] for r in late] == ["duplicate", "duplicate"]
    assert Invitation.objects.get().state == "completed"
    assert count("engagement.viewed") == count("engagement.completed") == 1
    assert Showing.objects.count() == 1


def test_two_tabs_at_once(run_lanes: Lanes) -> None:
    """ENG-07: each showing has its own execution; completing outranks dismissing."""
    enroll(program(engagement()).pk, [person()], actor=None)
    run_lanes("live")
    browser = signed_in()
    one, two = browser.look(), browser.look()
    assert one["ticket"] != two["ticket"]
    browser.report(one, "viewed", "dismissed")
    browser.report(two, "viewed", "completed")
    invitation = Invitation.objects.get()
    assert invitation.state == "completed"
    assert invitation.dismissed_at
    assert Showing.objects.count() == 2
    run_lanes("live")
    assert Participant.objects.get().end_reason == "met"


def test_dismissed_is_heard_at_once(run_lanes: Lanes) -> None:
    """PRG-07: conditional waits offer dismissed."""
    enroll(program(engagement(), waits_for="dismissed").pk, [person()], actor=None)
    run_lanes("live")
    browser = signed_in()
    browser.report(browser.look(), "dismissed", button="close")
    run_lanes("live")
    assert Participant.objects.get().end_reason == "met"
    assert Invitation.objects.get().viewed_at


def test_what_could_not_be_rendered_stays_open(run_lanes: Lanes) -> None:
    """ENG-07: not rendered is on record with its reason, and is tried again."""
    enroll(program(engagement()).pk, [person()], actor=None)
    run_lanes("live")
    browser = signed_in()
    browser.report(browser.look(), "not_rendered", reason="blocked")
    assert Showing.objects.get().not_rendered == "blocked"
    assert Showing.objects.get().shown_at is None
    assert Invitation.objects.get().state == "open"
    assert browser.look() is not None


def test_a_ticket_works_for_its_visitor_only(run_lanes: Lanes) -> None:
    """TRK-05's seam: nobody can report on, or read, what is another person's."""
    person("u-1")
    person("u-2", "bob@example.com")
    enroll(program(engagement()).pk, [Person.objects.get(email="ann@example.com").pk], actor=None)
    run_lanes("live")
    show = signed_in("u-1").look()
    stranger = signed_in("u-2")
    assert stranger.look() is None
    assert Browser(stranger.source).look() is None
    for ticket in (show["ticket"], show["ticket"][:-2] + "xx", "", "a" * 600):
        reply = stranger.report({"ticket": ticket}, "completed").reply["results"][0]
        assert reply["status"] == "rejected"
    assert Invitation.objects.get().state == "open"


def test_nobody_unknown_to_the_tracker_enters(run_lanes: Lanes) -> None:
    """PRG-24: the "invalid in-app user id" rule."""
    ghost = person(user_id=None)
    result = enroll(program(engagement()).pk, [ghost], actor=None)
    assert dict(result.refused) == {"invalid_user_id": 1}
    assert Refusal.objects.get().reason == "invalid_user_id"


def test_an_id_lost_on_the_way_fails_the_engagement_not_the_run(run_lanes: Lanes) -> None:
    """ENG-08: tracker id lost, person goes on by "engagement failed"."""
    ann = person()
    waits = program(engagement(), waits_for="failed")
    enroll(waits.pk, [ann], actor=None)
    sql.run("DELETE FROM customers_externalid")
    run_lanes("live")
    invitation = Invitation.objects.get()
    assert invitation.state == "failed"
    assert "user id" in invitation.reason
    assert Participant.objects.get().end_reason == "met"
    evidence = Transition.objects.filter(kind="go").order_by("id")[0].evidence
    assert "user id" in evidence["failed"]


@pytest.mark.parametrize("stop", [pause_engagement, end_engagement])
def test_an_inactive_engagement_fails_those_who_reach_it(
    run_lanes: Lanes, stop: Callable[..., Any]
) -> None:
    """ENG-08: engagement inactive."""
    shown = engagement()
    waits = program(shown, waits_for="failed")
    stop(shown.pk, actor=None)
    enroll(waits.pk, [person()], actor=None)
    run_lanes("live")
    assert Invitation.objects.get().state == "failed"
    assert Participant.objects.get().end_reason == "met"


def test_who_comes_again_has_seen_it_already(run_lanes: Lanes) -> None:
    """ENG-08: VIEWED and COMPLETED at once from history, as another participant."""
    ann = person()
    shown = engagement()
    enroll(program(shown).pk, [ann], actor=None)
    run_lanes("live")
    browser = signed_in()
    browser.report(browser.look(), "viewed", "completed")
    run_lanes("live")
    enroll(program(shown).pk, [ann], actor=None)
    run_lanes("live")
    again = Invitation.objects.order_by("-id")[0]
    assert again.state == "completed"
    assert Participant.objects.order_by("-id")[0].end_reason == "met"
    assert browser.look() is None


def test_seen_once_is_seen_for_every_open_invitation(run_lanes: Lanes) -> None:
    """ENG-05: once is once, also when two programs invite to the same engagement."""
    ann = person()
    shown = engagement()
    for _ in range(2):
        enroll(program(shown).pk, [ann], actor=None)
    run_lanes("live")
    browser = signed_in()
    browser.report(browser.look(), "viewed", "completed")
    run_lanes("live")
    assert set(Invitation.objects.values_list("state", flat=True)) == {"completed"}
    assert set(Participant.objects.values_list("end_reason", flat=True)) == {"met"}


def test_one_winner_by_priority_then_age(run_lanes: Lanes) -> None:
    """ENG-06: one attention slot."""
    ann = person()
    plain, first, urgent = engagement(), engagement(), engagement()
    Engagement.objects.filter(pk=urgent.pk).update(priority=10)
    for shown in (first, plain, urgent):
        enroll(program(shown).pk, [ann], actor=None)
        run_lanes("live")
    browser = signed_in()
    order = []
    while show := browser.look():
        browser.report(show, "viewed", "dismissed")
        order.append(Showing.objects.order_by("-id")[0].engagement_id)
    assert order == [urgent.pk, first.pk, plain.pk]


def test_outside_its_schedule_only_the_showing_waits(run_lanes: Lanes) -> None:
    """PRG-09, ENG-03: not begun waits; over fails."""
    shown = engagement()
    runs = program(shown)
    now = datetime.now(UTC)
    Engagement.objects.filter(pk=shown.pk).update(starts_at=now + timedelta(hours=1))
    enroll(runs.pk, [person()], actor=None)
    run_lanes("live")
    browser = signed_in()
    assert Invitation.objects.get().state == "open"
    assert browser.look() is None
    Engagement.objects.filter(pk=shown.pk).update(starts_at=now - timedelta(hours=1))
    assert browser.look() is not None
    Engagement.objects.filter(pk=shown.pk).update(ends_at=now - timedelta(minutes=1))
    assert browser.look() is None


def test_paused_hides_and_relaunched_shows_the_new_content(run_lanes: Lanes) -> None:
    """ENG-03: edits of a live one go to a draft that is relaunched."""
    shown = engagement()
    enroll(program(shown).pk, [person()], actor=None)
    run_lanes("live")
    browser = signed_in()
    content = {"view": "modal", "blocks": [{"kind": "heading", "text": "Second edition"},
                                           {"kind": "action", "label": "OK"}]}  # fmt: skip
    save_draft(shown.pk, content=content, revision=0, actor=None)
    assert browser.look()["content"]["blocks"][0]["text"] == "Welcome, Ann"
    pause_engagement(shown.pk, actor=None)
    assert browser.look() is None
    launch_engagement(shown.pk, actor=None)
    show = browser.look()
    assert show["content"]["blocks"][0]["text"] == "Second edition"
    browser.report(show, "viewed")
    assert Showing.objects.get().release == 2


def test_values_of_a_person_stay_text(run_lanes: Lanes) -> None:
    """ENG-02, PRG-90: nothing of a person's data becomes markup, a link or a template."""
    nasty = "<img src=x onerror=alert(1)>{{ person.email }}"
    ann = person()
    Person.objects.filter(pk=ann).update(name=nasty)
    content = {
        "view": "modal",
        "blocks": [
            {"kind": "text", "text": "Hi {{ person.name }}"},
            {"kind": "button", "label": "Go", "url": "https://example.com/{{ person.name }}"},
        ],
    }
    enroll(program(engagement(content=content)).pk, [ann], actor=None)
    run_lanes("live")
    blocks = signed_in().look()["content"]["blocks"]
    assert blocks[0]["text"] == f"Hi {nasty}"
    assert blocks[1]["url"].startswith("https://example.com/%3Cimg%20src")


# --- association with programs ----------------------------------------------------------------


def test_publishing_associates_and_stopping_takes_it_back(run_lanes: Lanes) -> None:
    """PRG-41, ENG-04: the read-only rule comes with publishing and goes with the stop."""
    shown = engagement()
    runs = program(shown)
    link = ProgramLink.objects.get()
    assert (link.engagement_id, link.program_id, link.step_key) == (shown.pk, runs.pk, "eng")
    enroll(runs.pk, [person()], actor=None)
    run_lanes("live")
    stop_program(runs.pk, actor=None)
    link.refresh_from_db()
    assert link.disconnected_at
    assert Invitation.objects.get().state == "withdrawn"
    assert signed_in().look() is None


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda e: pause_engagement(e.pk, actor=None), "paused"),
        (lambda e: end_engagement(e.pk, actor=None), "ended"),
        (lambda e: Engagement.objects.filter(pk=e.pk).update(triggered_by="automatic"), "trigger"),
        (
            lambda e: Engagement.objects.filter(pk=e.pk).update(
                ends_at=datetime(2020, 1, 1, tzinfo=UTC)
            ),
            "over",
        ),
        (
            lambda e: Engagement.objects.filter(pk=e.pk).update(
                starts_at=datetime(2099, 1, 1, tzinfo=UTC)
            ),
            "begins",
        ),
    ],
)
def test_only_active_engagements_can_be_published(
    change: Callable[[Engagement], Any], word: str
) -> None:
    """PRG-09, PRG-41: a sentence at the step, and nothing half-published."""
    good, bad = engagement(name="Good"), engagement(name="Bad")
    draft = factories.program(
        factories.step("trigger_engagement", "one", engagement=good.pk),
        factories.step("trigger_engagement", "two", engagement=bad.pk),
        publish=False,
    )
    change(bad)
    with pytest.raises(DomainError) as caught:
        publish_program(draft.pk, actor=None)
    (problem,) = caught.value.problems
    assert word in problem.message
    assert "Bad" in problem.message
    assert problem.path.startswith("/steps/1")
    draft.refresh_from_db()
    assert draft.state == "draft"
    assert not ProgramLink.objects.exists()
    assert not ProgramVersion.objects.exists()


def test_drafts_and_gone_engagements_are_marked() -> None:
    """PRG-09: draft, missing and nothing chosen."""
    for wanted, word in ((engagement(launched=False).pk, "launch it"), (999_999, "no longer"),
                         (None, "Choose")):  # fmt: skip
        draft = factories.program(
            factories.step("trigger_engagement", "one", engagement=wanted), publish=False
        )
        with pytest.raises(DomainError, match=word):
            publish_program(draft.pk, actor=None)


def test_after_a_swap_earlier_participants_fail(run_lanes: Lanes) -> None:
    """PRG-43: who had entered before can no longer trigger it; newcomers get the new one."""
    old, new = engagement(), engagement()
    ann, bob = person(), person("u-2", "bob@example.com")
    runs = program(old, waits_for="failed")
    enroll(runs.pk, [ann], actor=None)
    amend_step(runs.pk, "eng", {"engagement": new.pk}, actor=None)
    enroll(runs.pk, [bob], actor=None)
    run_lanes("live")
    states = dict(Invitation.objects.values_list("person_id", "state"))
    assert states == {ann: "failed", bob: "open"}
    assert ProgramLink.objects.count() == 2


def test_invitations_follow_a_merge(run_lanes: Lanes) -> None:
    """CUS: merge repoints the person; the browser goes on as the winner."""
    ann, other = person(), person("u-2", "bob@example.com")
    enroll(program(engagement()).pk, [ann], actor=None)
    run_lanes("live")
    browser = signed_in("u-1")
    show = browser.look()
    merge_people(other, ann, actor=None)
    assert Invitation.objects.get().person_id == other
    assert browser.report(show, "viewed").reply["results"][0]["status"] == "ok"
    assert Invitation.objects.get().state == "viewed"


def test_inviting_many_costs_as_many_queries_as_inviting_one(
    run_lanes: Lanes, django_assert_max_num_queries: Any
) -> None:
    """Design rule 5."""
    runs = program(engagement())
    people = [person(f"u-{n}", f"p{n}@example.com") for n in range(60)]
    enroll(runs.pk, people[:1], actor=None)
    with django_assert_max_num_queries(200) as few:
        run_lanes("live")
    enroll(runs.pk, people[1:], actor=None)
    with django_assert_max_num_queries(200) as many:
        run_lanes("live")
    assert Invitation.objects.filter(state="open").count() == 60
    assert len(many) <= len(few) + 2

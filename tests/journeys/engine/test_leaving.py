"""What takes runs out, and what entering does elsewhere (PRG-25, 26, 27)."""

import pytest

from csplatform.customers.operations.attributes import patch_attributes
from csplatform.segments.operations.definition import SegmentInput, save_segment
from csplatform.segments.operations.membership import add_members, remove_members
from journeys.models import Participant, Transition
from journeys.operations.enroll import enroll, remove_participants
from tests import factories as make

pytestmark = [pytest.mark.smoke, pytest.mark.django_db]

WAIT = make.step("wait_timer", "w1", amount=30, unit="days")


def lists(*people):
    """Two static lists with the same people."""
    found = []
    for name in ("One", "Two"):
        segment = save_segment(SegmentInput(name=name, kind="static"), actor=None)
        add_members(segment.pk, make.ids(people), actor=None)
        found.append(segment)
    return found


def sources(*segments):
    return {"sources": [{"kind": "segment", "segment": segment.pk} for segment in segments]}


def test_leaving_the_last_source_unenrols_at_once(run_lanes):
    """PRG-26: only when in none of them any more, and only who came from there."""
    person, by_hand = make.person(), make.person()
    one, two = lists(person)
    program = make.program(WAIT, entry=sources(one, two), leaving={"when_left": True})
    run_lanes()
    enroll(program.pk, [by_hand.pk], actor=None)
    run_lanes()
    remove_members(one.pk, [person.pk], actor=None)
    run_lanes()
    run = Participant.objects.get(person=person)
    assert run.state == "active"
    remove_members(two.pk, [person.pk], actor=None)
    run_lanes()
    run.refresh_from_db()
    assert (run.state, run.end_reason) == ("unenrolled", "Left the source")
    assert Participant.objects.get(person=by_hand).state == "active"


def test_a_query_is_left_like_a_segment(run_lanes):
    """PRG-20, 26: the rule of a query is watched like one."""
    named = {"test": "attribute", "name": "persona", "operator": "equals", "value": "Champion"}
    person = make.person(persona="Champion")
    make.program(
        WAIT, entry={"sources": [{"kind": "query", "rule": named}]}, leaving={"when_left": True}
    )
    run_lanes()
    run = Participant.objects.get(person=person)
    patch_attributes("person", {person.pk: {"persona": "User"}}, cause={})
    run_lanes()
    run.refresh_from_db()
    assert run.state == "unenrolled"


@pytest.mark.parametrize(
    ("leaving", "entry", "state"),
    [
        ({}, {}, "unenrolled"),
        ({"when_churned": False}, {}, "active"),
        ({}, {"include_churned": True}, "active"),
    ],
)
def test_a_churned_company_takes_its_people_out(run_lanes, leaving, entry, state):
    """PRG-26: on by default; at once, in the middle of a wait."""
    company = make.company()
    person = make.person(at=company)
    program = make.program(WAIT, leaving=leaving, entry={"sources": [], **entry})
    enroll(program.pk, [person.pk], actor=None)
    run_lanes()
    patch_attributes("company", {company.pk: {"status": "churned"}}, cause={})
    run_lanes()
    run = Participant.objects.get()
    assert run.state == state
    if state == "unenrolled":
        assert run.end_reason == "Company churned"


def test_a_goal_of_the_company_acts_at_once_in_a_program_for_people(run_lanes):
    """PRG-25: a rule about their company; the run is tagged and ends."""
    company = make.company()
    person = make.person(at=company)
    rich = {"test": "attribute", "name": "arr", "operator": "gte", "value": 1000}
    goal = {"test": "company", "match": "any", "rule": rich}
    program = make.program(WAIT, goal=goal)
    enroll(program.pk, [person.pk], actor=None)
    run_lanes()
    patch_attributes("company", {company.pk: {"arr": 5000}}, cause={})
    run_lanes()
    run = Participant.objects.get()
    assert (run.state, run.end_reason) == ("completed", "goal")
    assert run.goal_at is not None


def test_a_goal_that_is_met_already_is_tagged_before_the_first_step(run_lanes):
    """PRG-25: whoever meets the goal when entering is tagged at once, and gets no step."""
    goal = {"test": "attribute", "name": "persona", "operator": "equals", "value": "Champion"}
    program = make.program(WAIT, goal=goal)
    enroll(program.pk, [make.person(persona="Champion").pk], actor=None)
    run_lanes()
    run = Participant.objects.get()
    assert (run.state, run.end_reason) == ("completed", "goal")
    assert not Transition.objects.filter(participant_id=run.pk, kind__in=["go", "wait"]).exists()


def test_entering_takes_out_of_chosen_programs_once(run_lanes):
    """PRG-26: at enrolment, in the same transaction, never from itself, never later."""
    person = make.person()
    left, kept = make.program(WAIT), make.program(WAIT)
    for other in (left, kept):
        enroll(other.pk, [person.pk], actor=None)
    run_lanes()
    program = make.program(WAIT, leaving={"unenrol": "chosen", "unenrol_programs": [left.pk]})
    enroll(program.pk, [person.pk], actor=None)
    run = left.participants.get()
    assert (run.state, run.end_reason) == ("unenrolled", f"Entered “{program.name}”")
    told = Transition.objects.get(participant_id=run.pk, kind="leave")
    assert told.evidence["entered"] == program.pk
    assert kept.participants.get().state == "active"
    # who enters the other one afterwards stays in both
    left_again = make.program(WAIT)
    enroll(left_again.pk, [person.pk], actor=None)
    run_lanes()
    assert program.participants.get().state == "active"
    assert left_again.participants.get().state == "active"


def test_entering_takes_out_of_all_others_but_only_who_entered(run_lanes):
    """PRG-26: somebody who is refused stays where they are."""
    first, second = make.people(2)
    other = make.program(WAIT)
    enroll(other.pk, [first.pk, second.pk], actor=None)
    program = make.program(WAIT, leaving={"unenrol": "all"})
    enroll(program.pk, [first.pk], actor=None)
    enroll(program.pk, [first.pk], actor=None)
    assert other.participants.get(person=first).state == "unenrolled"
    assert other.participants.get(person=second).state == "active"
    assert program.participants.get().state == "active"


def test_who_removed_somebody_is_told(admin_user):
    """PRG-27: each change carries time, actor and reason."""
    program = make.program(WAIT)
    enroll(program.pk, [make.person().pk], actor=None)
    run = program.participants.get()
    remove_participants([run.pk], actor=admin_user, reason="Asked us to")
    told = Transition.objects.get(participant_id=run.pk, kind="leave")
    assert told.evidence == {"reason": "Asked us to", "by": admin_user.pk}

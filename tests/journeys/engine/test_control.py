"""Held-out runs: watched for the goal, never treated (PRG-28)."""

from datetime import timedelta

import pytest

from csplatform.customers.operations.attributes import patch_attributes
from csplatform.kit import sql
from journeys.models import HoldOut, Outbox, Participant, Transition
from journeys.operations.enroll import enroll
from journeys.operations.life import pause_program, resume_program
from tests import factories as make

pytestmark = [pytest.mark.smoke, pytest.mark.django_db]

GOAL = {"test": "attribute", "name": "persona", "operator": "equals", "value": "Champion"}


def program(percent=50, **more):
    mail = make.mail_template()
    return make.program(
        make.step("send_email", "ml", template=mail.pk), make.step("wait_timer", "w1"),
        goal=GOAL, control={"percent": percent, "days": 20, **more},
    )  # fmt: skip


def test_about_the_share_is_held_out_and_gets_nothing(run_lanes):
    """PRG-28: no step, no mail; the others as always."""
    made = program(percent=30)
    people = make.people(300)
    enroll(made.pk, make.ids(people), actor=None)
    run_lanes()
    held = made.participants.filter(control="program")
    assert 60 <= held.count() <= 120
    assert set(held.values_list("step", "state", "phase")) == {(None, "active", "waiting")}
    assert not Outbox.objects.filter(participant_id__in=held.values("pk")).exists()
    assert Outbox.objects.count() == 300 - held.count()
    told = Transition.objects.filter(participant_id__in=held.values("pk"))
    assert set(told.values_list("kind", "evidence__held_out")) == {("enter", "program")}


def test_the_side_is_the_same_in_every_version(run_lanes):
    """PRG-28: stable across versions; another program draws anew; a larger share keeps all."""
    people = make.ids(make.people(60))
    made, other = program(percent=40), program(percent=40)
    enroll(made.pk, people, actor=None)
    enroll(other.pk, people, actor=None)
    held = {pk for pk, c in made.participants.values_list("person", "control") if c}
    assert held != {pk for pk, c in other.participants.values_list("person", "control") if c}
    sql.run("DELETE FROM journeys_participant WHERE program_id = %s", [made.pk])
    flow = dict(made.draft, control={"percent": 60, "days": 20})
    make.publish_again(made, flow)
    enroll(made.pk, people, actor=None)
    again = {pk for pk, c in made.participants.values_list("person", "control") if c}
    assert held < again


def test_it_is_watched_for_the_goal_and_no_longer_than_said(run_lanes):
    """PRG-28: until the goal, an exit, or the end of the time."""
    made = program(percent=90)
    people = make.people(20)
    enroll(made.pk, make.ids(people), actor=None)
    run_lanes()
    held = list(made.participants.filter(control="program"))
    patch_attributes("person", {held[0].person_id: {"persona": "Champion"}}, cause={})
    run_lanes()
    held[0].refresh_from_db()
    assert (held[0].state, held[0].end_reason) == ("completed", "goal")
    sql.run("UPDATE journeys_participant SET due_at = due_at - %s", [timedelta(days=21)])
    run_lanes()
    held[1].refresh_from_db()
    assert (held[1].state, held[1].end_reason, held[1].goal_at) == ("completed", "watched", None)


def test_a_pause_lengthens_the_watch(run_lanes):
    """PRG-28, 45."""
    made = program(percent=90)
    enroll(made.pk, make.ids(make.people(10)), actor=None)
    pause_program(made.pk, actor=None)
    assert set(made.participants.filter(control="program").values_list("state", flat=True)) == {
        "paused"
    }
    resume_program(made.pk, actor=None)
    run = made.participants.filter(control="program").first()
    assert run.state == "active"
    assert run.due_at is not None


def test_the_global_hold_out_is_held_out_of_every_program_but_operational_ones(run_lanes):
    """PRG-28: by the subject alone, the same ones everywhere."""
    HoldOut.objects.create(pk=1, percent=40)
    people = make.ids(make.people(50))
    first, second, needed = program(0), program(0), program(0, operational=True)
    for made in (first, second, needed):
        enroll(made.pk, people, actor=None)
    held = {p: set(p.participants.filter(control="global").values_list("person", flat=True))
            for p in (first, second, needed)}  # fmt: skip
    assert held[first] == held[second]
    assert 5 < len(held[first]) < 40
    assert not held[needed]


def test_the_held_out_are_not_taken_out_of_other_programs(run_lanes):
    """PRG-26, 28: nothing is done to them."""
    other = make.program(make.step("wait_timer", "w1"))
    people = make.ids(make.people(20))
    enroll(other.pk, people, actor=None)
    made = make.program(
        make.step("wait_timer", "w1"), control={"percent": 50}, leaving={"unenrol": "all"}
    )
    enroll(made.pk, people, actor=None)
    held = set(Participant.objects.exclude(control="").values_list("person", flat=True))
    inside = set(other.participants.filter(ended_at=None).values_list("person", flat=True))
    assert 0 < len(held) < 20
    assert inside == held

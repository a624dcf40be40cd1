"""Rules that time alone meets: goals, exits and waits act at that moment (PRG-06, 25, 26)."""

import time
from datetime import timedelta

import pytest

from csplatform.customers.models import AttributeDefinition
from csplatform.freshness.models import NextFlip
from csplatform.kit.clock import now
from journeys.engine import flips
from journeys.models import Participant
from journeys.operations.enroll import enroll
from tests import factories as make

pytestmark = pytest.mark.django_db
SOON = 0.8


def trial_over(seconds: float) -> dict:
    """An attribute value that is “more than one day ago” after so many seconds."""
    ends = now() - timedelta(days=1) + timedelta(seconds=seconds)
    return {"trial_end": ends.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}


@pytest.fixture(autouse=True)
def trial():
    AttributeDefinition.objects.create(
        subject="person", name="trial_end", label="Trial end", type="datetime"
    )


OVER = {"test": "attribute", "name": "trial_end", "operator": "more_than_days_ago", "value": 1}


def test_a_wait_a_goal_and_an_exit_are_met_by_the_clock(run_lanes):
    """PRG-06, 25, 26: nobody does anything, and everybody moves."""
    condition = {"type": "rule", "rule": OVER}
    waits = make.program(
        make.step("conditional_wait", "cw", conditions=[condition], amount=30, unit="days",
                  exits={"met": [make.step("exit", "e1", reason="over")], "not_met": []}),
    )  # fmt: skip
    timer = make.step("wait_timer", "w1", amount=30, unit="days")
    goal = make.program(timer, goal=OVER)
    leaves = make.program(timer, exits=[{"name": "Trial over", "rule": OVER}])
    soon, later = make.person(attributes=trial_over(SOON)), make.person()
    for program in (waits, goal, leaves):
        enroll(program.pk, make.ids([soon, later]), actor=None)
    run_lanes()
    assert Participant.objects.filter(ended_at=None).count() == 6
    time.sleep(SOON + 0.1)
    run_lanes()
    ended = dict(Participant.objects.filter(person=soon).values_list("program", "end_reason"))
    assert ended == {waits.pk: "over", goal.pk: "goal", leaves.pk: "Trial over"}
    assert Participant.objects.filter(person=later, ended_at=None).count() == 3


def test_the_sweep_notes_what_came_within_the_horizon(run_lanes):
    """PRG-25: those whom nobody looks at for days are not forgotten."""
    goal = make.program(make.step("wait_timer", "w1", amount=30, unit="days"), goal=OVER)
    someone = make.person(attributes=trial_over(3600))
    enroll(goal.pk, [someone.pk], actor=None)
    run_lanes()
    NextFlip.objects.all().delete()
    flips.sweep()
    noted = NextFlip.objects.get()
    assert (noted.ref, noted.subject_id) == (goal.published_id, someone.pk)
    flips.sweep()  # twice is once
    assert NextFlip.objects.count() == 1

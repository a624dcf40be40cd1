"""Pausing, resuming and scanning lose nobody and nothing (PRG-21, PRG-25, PRG-45)."""

from datetime import timedelta

import pytest

from csplatform.customers.models import AttributeDefinition
from csplatform.customers.operations.attributes import patch_attributes
from csplatform.segments.operations.definition import SegmentInput, save_segment
from journeys.engine.advance import advance_due
from journeys.models import Participant, Program, Refusal
from journeys.operations.enroll import enroll
from journeys.operations.life import lift_quarantines, pause_program, resume_program
from tests import factories as make

pytestmark = pytest.mark.django_db


def plan_rule(value="pro"):
    AttributeDefinition.objects.get_or_create(
        subject="person", name="plan", defaults={"label": "Plan", "type": "text"}
    )
    return {"test": "attribute", "name": "plan", "operator": "equals", "value": value}


def waiting_program(**more):
    return make.program(
        make.step("conditional_wait", "cw", amount=3, unit="days",
                  conditions=[{"type": "rule", "rule": plan_rule()}],
                  exits={"met": [make.step("exit", "e1", reason="met")],
                         "not_met": [make.step("exit", "e2", reason="not met")]}),
        **more,
    )  # fmt: skip


def left_of_the_limit():
    run = Participant.objects.get()
    assert (run.state, run.phase) == ("active", "waiting"), (run.state, run.end_reason)
    return run.limit_at - run.step_since


def test_a_wait_that_is_reached_in_a_pause_has_its_whole_span(run_lanes):
    """PRG-45: who gets to a wait while the program is paused does not lose its limit."""
    program = waiting_program()
    enroll(program.pk, [make.person().pk], actor=None)
    pause_program(program.pk, actor=None)
    run_lanes()
    assert Participant.objects.get().state == "paused"
    resume_program(program.pk, actor=None)
    run_lanes()
    assert left_of_the_limit() >= timedelta(days=3)


def test_a_wait_that_is_paused_while_it_is_armed_has_its_whole_span(run_lanes):
    """PRG-45: the pause comes between the wait rows and the look at history."""
    program = waiting_program()
    enroll(program.pk, [make.person().pk], actor=None)
    advance_due(0)
    assert Participant.objects.get().phase == "arming"
    pause_program(program.pk, actor=None)
    resume_program(program.pk, actor=None)
    run_lanes()
    assert left_of_the_limit() >= timedelta(days=3)


def test_a_goal_met_in_a_pause_is_seen_at_the_resume(run_lanes):
    """PRG-25, PRG-45: a change in the pause ends a month-long timer at the resume."""
    program = make.program(make.step("wait_timer", "w1", amount=30), goal=plan_rule())
    someone = make.person()
    enroll(program.pk, [someone.pk], actor=None)
    run_lanes()
    pause_program(program.pk, actor=None)
    patch_attributes("person", {someone.pk: {"plan": "pro"}}, cause={})
    run_lanes()
    resume_program(program.pk, actor=None)
    run_lanes()
    assert Participant.objects.get().end_reason == "goal"


def segment(name="Pro", value="pro"):
    given = SegmentInput(name=name, subject="person", kind="dynamic", rule=plan_rule(value))
    return save_segment(given, actor=None)


def entry(found, **more):
    return {"sources": [{"kind": "segment", "segment": found.pk}], **more}


def test_who_joins_the_segment_in_a_pause_enters_at_the_resume(run_lanes):
    """PRG-20, PRG-45: nobody is forgotten for having come during a pause."""
    program = make.program(make.step("wait_timer", "w1"), entry=entry(segment()))
    run_lanes()
    pause_program(program.pk, actor=None)
    someone = make.person()
    patch_attributes("person", {someone.pk: {"plan": "pro"}}, cause={})
    run_lanes()
    assert not Participant.objects.exists()
    resume_program(program.pk, actor=None)
    run_lanes()
    assert Participant.objects.get().person_id == someone.pk


def test_who_came_in_a_pause_is_listed_until_the_resume(run_lanes):
    """PRG-24: who is held back is seen with the reason, and who has left again stays out."""
    program = make.program(make.step("wait_timer", "w1"), entry=entry(segment()))
    run_lanes()
    pause_program(program.pk, actor=None)
    someone = make.person()
    patch_attributes("person", {someone.pk: {"plan": "pro"}}, cause={})
    run_lanes()
    assert Refusal.objects.get().reason == "paused"
    patch_attributes("person", {someone.pk: {"plan": "free"}}, cause={})
    run_lanes()
    resume_program(program.pk, actor=None)
    run_lanes()
    assert not Participant.objects.exists()
    assert not Refusal.objects.exists()


def test_who_came_during_a_quarantine_enters_when_it_is_lifted(run_lanes):
    """REL-03: a program that stood still for want of a step kind forgets nobody."""
    program = make.program(make.step("wait_timer", "w1"), entry=entry(segment()))
    run_lanes()
    Program.objects.update(quarantine="unknown kind")
    someone = make.person()
    patch_attributes("person", {someone.pk: {"plan": "pro"}}, cause={})
    run_lanes()
    assert not Participant.objects.exists()
    assert lift_quarantines() == 1
    run_lanes()
    assert Participant.objects.get(program=program).person_id == someone.pk

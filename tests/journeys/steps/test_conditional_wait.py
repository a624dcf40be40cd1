"""Conditions by an expression, as participants live through them (PRG-06, PRG-44)."""

from datetime import timedelta

import pytest

from csplatform.customers.models import AttributeDefinition
from csplatform.customers.operations.attributes import patch_attributes
from csplatform.kit.clock import database_now
from csplatform.kit.schema import parse_config
from journeys.models import Participant, Transition
from journeys.operations.amend import amend_step
from journeys.operations.enroll import enroll
from journeys.snapshot.evidence import conditions
from journeys.steps.kind import CheckContext
from journeys.steps.registry import step_kinds
from tests import factories as make

pytestmark = pytest.mark.django_db


def value_is(value):
    return {
        "type": "rule",
        "rule": {"test": "attribute", "name": "plan", "operator": "equals", "value": value},
    }


NOT_OPENED = {"type": "event", "step": "ml", "event": "not_opened"}


def wait(expression, *found, **more):
    return {"conditions": list(found), "logic": "custom", "expression": expression, "amount": 3,
            "unit": "days", **more}  # fmt: skip


@pytest.fixture
def ann(run_lanes):
    """Somebody who waits: pro, or (not opened and team)."""
    AttributeDefinition.objects.create(subject="person", name="plan", label="Plan", type="text")
    config = wait("1 or (2 and 3)", value_is("pro"), NOT_OPENED, value_is("team"))
    program = make.program(
        make.step("send_email", "ml", template=make.mail_template().pk),
        make.step("conditional_wait", "cw", **config,
                  exits={"met": [make.step("exit", "e1", reason="met")],
                         "not_met": [make.step("exit", "e2", reason="not met")]}),
    )  # fmt: skip
    person = make.person()
    enroll(program.pk, [person.pk], actor=None)
    run_lanes()
    assert Participant.objects.get().phase == "waiting"
    return program, person


def at_the_limit(run_lanes):
    past = database_now() - timedelta(seconds=1)
    Participant.objects.update(limit_at=past, due_at=past)
    run_lanes()


def test_a_positive_side_acts_at_once(ann, run_lanes):
    """Whatever the negative conditions turn out to be; the evidence numbers each."""
    _, person = ann
    patch_attributes("person", {person.pk: {"plan": "pro"}}, cause={})
    run_lanes()
    assert Participant.objects.get().end_reason == "met"
    evidence = Transition.objects.get(exit="met").evidence
    assert evidence["logic"] == "1 or 2 and 3"
    assert [item["number"] for item in evidence["conditions"]] == [1, 2, 3]
    assert [true for _, true in conditions(evidence)] == [True, False, False]
    assert next(conditions(evidence))[0].startswith("1. ")


@pytest.mark.parametrize(("plan", "reason"), [("team", "met"), ("free", "not met")])
def test_a_negative_side_is_judged_at_the_limit_only(ann, run_lanes, plan, reason):
    """Before it, nobody can say that the mail was not opened."""
    _, person = ann
    patch_attributes("person", {person.pk: {"plan": plan}}, cause={})
    run_lanes()
    assert Participant.objects.get().phase == "waiting"
    at_the_limit(run_lanes)
    assert Participant.objects.get().end_reason == reason


def test_the_expression_may_be_amended_in_place(ann, run_lanes):
    """PRG-44: logic changes without a new version, and those who wait are judged by it."""
    program, person = ann
    patch_attributes("person", {person.pk: {"plan": "team"}}, cause={})
    run_lanes()
    config = wait("1 or 2 or 3", value_is("pro"), NOT_OPENED, value_is("team"))
    amend_step(program.pk, "cw", config, actor=None)
    run_lanes()
    assert Participant.objects.get().end_reason == "met"


@pytest.mark.parametrize(("expression", "level", "says"), [
    ("1 and", "error", "at character 6"),
    ("1 or ?", "error", "was removed"),
    ("1 or 3", "error", "There is no condition 3"),
    ("1", "warning", "Not in the expression: 2"),
])  # fmt: skip
def test_an_expression_that_does_not_fit_is_marked(expression, level, says):
    """At its field; a removed condition does not silently change what it means."""
    kind = step_kinds.get("conditional_wait")
    config = parse_config(kind.Config, wait(expression, value_is("a"), value_is("b")))
    marks = [m for m in kind.check(config, CheckContext("person", 1)) if m.path == "/expression"]
    assert [mark.level for mark in marks] == [level]
    assert says in marks[0].message


def test_words_say_the_expression():
    """With the conditions in place of their numbers."""
    kind = step_kinds.get("conditional_wait")
    config = parse_config(
        kind.Config, wait("1 and (2 or 3)", value_is("a"), NOT_OPENED, NOT_OPENED)
    )
    words = kind.words(config, {"ml": "Hello"})
    assert words == (
        "Waits until a rule matches and (“Hello”: not opened or “Hello”: not opened),"
        " at most 3 days"
    )

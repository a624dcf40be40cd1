"""The engine moves participants: steps, waits, events, limits (PRG-05 to 07, 23, 25)."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from csplatform.customers.models import AttributeDefinition
from csplatform.customers.operations.attributes import patch_attributes
from csplatform.customers.operations.events import EventInput, record_events
from csplatform.kit import sql
from journeys.engine.advance import advance_due
from journeys.models import Outbox, Participant, Transition, Wait
from journeys.operations.enroll import enroll
from tests import factories as make

pytestmark = [pytest.mark.smoke, pytest.mark.django_db]


def pass_time(**span):
    """Let time go by for all participants: their moments move into the past instead."""
    sql.run(
        "UPDATE journeys_participant SET due_at = due_at - %(d)s, limit_at = limit_at - %(d)s,"
        " step_since = step_since - %(d)s",
        {"d": timedelta(**span)},
    )


def test_a_chain_of_immediate_steps_ends_in_one_batch(run_lanes):
    """PRG-05: split and exit need no waiting."""
    program = make.program(
        make.step("split", "sp", groups=[{"key": "a", "label": "A", "percent": 30},
                                         {"key": "b", "label": "B", "percent": 70}],
                  exits={"a": [make.step("exit", "ex", reason="hold-out")], "b": []}),
    )  # fmt: skip
    people = make.people(200)
    assert enroll(program.pk, make.ids(people), actor=None).entered == 200
    run_lanes()
    states = Participant.objects.filter(program=program)
    assert states.filter(state="completed").count() == 200
    held_out = states.filter(end_reason="hold-out").count()
    assert 35 <= held_out <= 85
    kinds = Transition.objects.filter(program_id=program.pk).values_list("kind", flat=True)
    assert sorted(set(kinds)) == ["enter", "go", "leave"]


def test_enrolling_twice_is_once():
    """PRG-23: one active run per subject, by constraint."""
    program = make.program(make.step("wait_timer", "w1"))
    someone = make.person()
    assert enroll(program.pk, [someone.pk], actor=None).entered == 1
    again = enroll(program.pk, [someone.pk], actor=None)
    assert again.entered == 0
    assert dict(again.refused) == {"already_in": 1}


def test_a_timer_holds_until_it_is_due(run_lanes):
    """PRG-05: wait timer."""
    program = make.program(make.step("wait_timer", "w1", amount=2, unit="hours"))
    someone = make.person()
    enroll(program.pk, [someone.pk], actor=None)
    run_lanes()
    run = Participant.objects.get()
    assert (run.state, run.phase) == ("active", "waiting")
    pass_time(hours=1, minutes=59)
    run_lanes()
    assert Participant.objects.get().state == "active"
    pass_time(minutes=2)
    run_lanes()
    assert Participant.objects.get().state == "completed"


def mail_program():
    mail = make.mail_template()
    return make.program(
        make.step("send_email", "ml", template=mail.pk),
        make.step(
            "conditional_wait", "cw", amount=3, unit="days",
            conditions=[{"type": "event", "step": "ml", "event": "opened"}],
            exits={"met": [make.step("exit", "e1", reason="read it")],
                   "not_met": [make.step("exit", "e2", reason="ignored it")]},
        ),
    )  # fmt: skip


def test_an_event_moves_its_participant_at_once(run_lanes):
    """PRG-06: the opened mail is the one of this step; another mail's opening does nothing."""
    program = mail_program()
    someone = make.person()
    enroll(program.pk, [someone.pk], actor=None)
    run_lanes("live")
    message = Outbox.objects.get()
    assert Wait.objects.get().ref == message.pk
    record_events([EventInput("email.opened", person_id=someone.pk, ref=message.pk + 999)])
    run_lanes("live")
    assert Participant.objects.get().state == "active"
    record_events([EventInput("email.opened", person_id=someone.pk, ref=message.pk)])
    run_lanes("live")
    run = Participant.objects.get()
    assert (run.state, run.end_reason) == ("completed", "read it")
    assert not Wait.objects.exists()
    met = Transition.objects.get(exit="met")
    assert met.evidence["conditions"][0]["true"] is True


def test_an_event_before_the_wait_was_armed_counts(run_lanes):
    """Store, then look: an opening that came before the wait rows is found in history."""
    program = mail_program()
    someone = make.person()
    enroll(program.pk, [someone.pk], actor=None)
    advance_due(0)
    assert Participant.objects.get().phase == "arming"
    record_events([EventInput("email.opened", person_id=someone.pk, ref=Outbox.objects.get().pk)])
    sql.run("DELETE FROM customers_eventinbox")
    run_lanes("live")
    assert Participant.objects.get().end_reason == "read it"


def test_the_limit_takes_the_other_exit(run_lanes):
    """PRG-06: not met at the limit, and the late event changes nothing."""
    program = mail_program()
    someone = make.person()
    enroll(program.pk, [someone.pk], actor=None)
    run_lanes("live")
    pass_time(days=3, minutes=1)
    run_lanes("live")
    assert Participant.objects.get().end_reason == "ignored it"
    opening = EventInput("email.opened", person_id=someone.pk, ref=Outbox.objects.get().pk)
    record_events([opening])
    run_lanes("live")
    assert Participant.objects.get().end_reason == "ignored it"
    late = Transition.objects.get(kind="late")
    assert late.step_id == Transition.objects.get(exit="not_met").step_id
    assert late.evidence["event"] == "email.opened"
    record_events([opening])  # said once
    run_lanes("live")
    assert Transition.objects.filter(kind="late").count() == 1
    assert not Wait.objects.exists()


def test_what_came_in_time_is_not_late_because_the_rest_did_not_come(run_lanes):
    """PRG-06: of two events one came before the limit: only the other one can come too late."""
    mail = make.mail_template()
    program = make.program(
        make.step("send_email", "ml", template=mail.pk),
        make.step("conditional_wait", "cw", amount=3, unit="days", logic="all", conditions=[
            {"type": "event", "step": "ml", "event": "opened"},
            {"type": "event", "step": "ml", "event": "clicked"}],
            exits={"met": [], "not_met": []}),
    )  # fmt: skip
    seen, unseen = make.person(), make.person()
    enroll(program.pk, make.ids([seen, unseen]), actor=None)
    run_lanes("live")
    messages = dict(Outbox.objects.values_list("person_id", "pk"))
    opened, clicked = (
        {pk: EventInput(f"email.{what}", person_id=pk, ref=ref) for pk, ref in messages.items()}
        for what in ("opened", "clicked")
    )
    record_events([opened[seen.pk]])
    run_lanes("live")
    pass_time(days=3, minutes=1)
    record_events([opened[unseen.pk]])  # recorded before anybody decided, looked at after
    run_lanes("live")
    assert Transition.objects.filter(exit="not_met").count() == 2
    record_events([*opened.values(), *clicked.values()])
    run_lanes("live")
    late = Transition.objects.filter(kind="late").values_list("evidence__event", flat=True)
    assert list(late) == ["email.clicked", "email.clicked"]


def test_a_second_wait_for_the_same_event_after_a_late_one(run_lanes):
    """PRG-06: what is too late for one wait is in time for the next."""
    mail = make.mail_template()
    opened = [{"type": "event", "step": "ml", "event": "opened"}]
    program = make.program(
        make.step("send_email", "ml", template=mail.pk),
        make.step("conditional_wait", "w1", amount=3, unit="days", conditions=opened,
                  exits={"met": [], "not_met": []}),
        make.step("conditional_wait", "w2", amount=3, unit="days", conditions=opened,
                  exits={"met": [make.step("exit", "e1", reason="at last")], "not_met": []}),
    )  # fmt: skip
    someone = make.person()
    enroll(program.pk, [someone.pk], actor=None)
    run_lanes("live")
    pass_time(days=3, minutes=1)
    run_lanes("live")
    record_events([EventInput("email.opened", person_id=someone.pk, ref=Outbox.objects.get().pk)])
    run_lanes("live")
    assert Participant.objects.get().end_reason == "at last"
    first = program.published.steps.get(key="w1")
    assert Transition.objects.get(kind="late").step_id == first.pk


def test_what_a_limit_decided_well_is_too_late_afterwards(run_lanes):
    """PRG-06: “not opened” was true at the limit; the opening after it is said to be late."""
    mail = make.mail_template()
    program = make.program(
        make.step("send_email", "ml", template=mail.pk),
        make.step("conditional_wait", "cw", amount=3, unit="days", logic="any", conditions=[
            {"type": "event", "step": "ml", "event": "clicked"},
            {"type": "event", "step": "ml", "event": "not_clicked"}],
            exits={"met": [], "not_met": []}),
    )  # fmt: skip
    someone, other = make.person(), make.person()
    enroll(program.pk, make.ids([someone, other]), actor=None)
    run_lanes("live")
    messages = dict(Outbox.objects.values_list("person_id", "pk"))
    record_events([EventInput("email.clicked", person_id=other.pk, ref=messages[other.pk])])
    run_lanes("live")
    pass_time(days=3, minutes=1)
    run_lanes("live")
    record_events([
        EventInput("email.clicked", person_id=pk, ref=ref) for pk, ref in messages.items()
    ])  # fmt: skip
    run_lanes("live")
    run = Participant.objects.get(person=someone)
    assert list(
        Transition.objects.filter(kind="late").values_list("participant_id", flat=True)
    ) == [run.pk]


def test_a_changed_attribute_meets_a_rule_condition(run_lanes):
    """PRG-06: field conditions act when the field changes."""
    AttributeDefinition.objects.create(subject="person", name="plan", label="Plan", type="text")
    rule = {"test": "attribute", "name": "plan", "operator": "equals", "value": "pro"}
    program = make.program(
        make.step("conditional_wait", "cw", conditions=[{"type": "rule", "rule": rule}],
                  exits={"met": [make.step("exit", "e1", reason="upgraded")], "not_met": []}),
    )  # fmt: skip
    someone = make.person()
    enroll(program.pk, [someone.pk], actor=None)
    run_lanes()
    assert Participant.objects.get().state == "active"
    patch_attributes("person", {someone.pk: {"plan": "pro"}}, cause={"test": True})
    run_lanes()
    assert Participant.objects.get().end_reason == "upgraded"


def test_if_else_and_set_attribute(run_lanes):
    """PRG-05, PRG-07: first match wins; the written value is there for the next step."""
    AttributeDefinition.objects.create(subject="person", name="tier", label="Tier", type="text")
    gold = {"test": "attribute", "name": "tier", "operator": "equals", "value": "gold"}
    program = make.program(
        make.step("set_attribute", "sa", attribute="tier", value="gold"),
        make.step("if_else", "ie", paths=[{"key": "yes", "label": "Gold", "rule": gold}],
                  exits={"yes": [make.step("exit", "e1", reason="gold")], "else": []}),
    )  # fmt: skip
    people = make.people(5)
    enroll(program.pk, make.ids(people), actor=None)
    run_lanes()
    assert set(Participant.objects.values_list("end_reason", flat=True)) == {"gold"}
    people[0].refresh_from_db()
    assert people[0].attributes == {"tier": "gold"}


def test_a_goal_is_tagged_in_the_middle_of_a_wait(run_lanes):
    """PRG-25: a change reaches the goal at once, and the run exits as completed by goal."""
    AttributeDefinition.objects.create(subject="person", name="plan", label="Plan", type="text")
    rule = {"test": "attribute", "name": "plan", "operator": "equals", "value": "pro"}
    program = make.program(make.step("wait_timer", "w1", amount=30), goal=rule)
    someone = make.person()
    enroll(program.pk, [someone.pk], actor=None)
    run_lanes()
    patch_attributes("person", {someone.pk: {"plan": "pro"}}, cause={})
    run_lanes()
    run = Participant.objects.get()
    assert (run.state, run.end_reason) == ("completed", "goal")
    assert run.goal_at is not None


@pytest.mark.parametrize("count", [1, 300])
def test_a_batch_costs_the_same_whatever_its_size(count):
    """Think in sets: one participant or hundreds, the same number of queries."""
    program = make.program(
        make.step("split", "sp", exits={"a": [], "b": []}), make.step("wait_timer", "w1")
    )
    enroll(program.pk, make.ids(make.people(count)), actor=None)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert advance_due(0 if count < 200 else 1) == count
    assert len(queries) <= 30


@pytest.mark.parametrize("ends", [[], [make.step("exit", "e1", reason="seen")]])
@pytest.mark.parametrize("goal_exits", [True, False])
def test_a_goal_that_the_last_step_reaches_is_tagged(run_lanes, ends, goal_exits):
    """PRG-25: met at any time, also by the step after which the run is over."""
    AttributeDefinition.objects.create(subject="person", name="stage", label="Stage", type="text")
    goal = {"test": "attribute", "name": "stage", "operator": "equals", "value": "won"}
    program = make.program(
        make.step("set_attribute", "sa", attribute="stage", value="won"), *ends,
        goal=goal, goal_exits=goal_exits,
    )  # fmt: skip
    enroll(program.pk, [make.person().pk], actor=None)
    run_lanes()
    run = Participant.objects.get()
    assert (run.state, run.goal_at is not None) == ("completed", True)
    assert run.end_reason == ("goal" if goal_exits else "seen" if ends else "end")

"""Amendments: what may change in place, and what becomes of those who are inside (PRG-43, 44)."""

import pytest

from csplatform.customers.models import AttributeDefinition
from csplatform.customers.operations.attributes import patch_attributes
from csplatform.kit.errors import Conflict, DomainError, NotAllowed
from journeys.flow.parse import parse_flow
from journeys.models import Amendment, Participant, Transition
from journeys.operations.amend import amend_step, amendable, amendable_steps
from journeys.operations.draft import discard_changes, save_draft
from journeys.operations.enroll import enroll
from journeys.operations.life import stop_program
from journeys.operations.publish import publish_program
from journeys.usage import programs_using_attribute
from tests import factories as make

pytestmark = pytest.mark.django_db


def plan(value):
    rule = {"test": "attribute", "name": "plan", "operator": "equals", "value": value}
    return {"type": "rule", "rule": rule}


def wait(*conditions, **more):
    return {"conditions": list(conditions), "logic": "any", "amount": 3, "unit": "days", **more}


@pytest.fixture
def waiting(run_lanes):
    """A program that waits for the plan “pro”, and Ann in it, whose plan is “team”."""
    AttributeDefinition.objects.create(subject="person", name="plan", label="Plan", type="text")
    program = make.program(
        make.step("conditional_wait", "cw", **wait(plan("pro")),
                  exits={"met": [make.step("exit", "e1", reason="bought")], "not_met": []}),
        make.step("wait_timer", "w1"),
    )  # fmt: skip
    ann = make.person(attributes={"plan": "team"})
    enroll(program.pk, [ann.pk], actor=None)
    run_lanes()
    return program, ann


def test_new_conditions_judge_those_who_wait_at_once(waiting, run_lanes):
    """PRG-44: numbered, cited by the transition, followed by the draft."""
    program, _ = waiting
    made = amend_step(program.pk, "cw", wait(plan("pro"), plan("team")), actor=None)
    run_lanes()
    assert made.number == 1
    assert Participant.objects.get().end_reason == "bought"
    assert Transition.objects.get(exit="met").amendment == 1
    program.refresh_from_db()
    assert program.draft == program.published.in_force() != program.published.document
    with pytest.raises(Conflict, match="Nothing has changed"):
        publish_program(program.pk, actor=None)


def test_a_change_meets_the_amended_condition(waiting, run_lanes):
    """PRG-06, 44: the loop listens to the facts of the new condition, not of the old one."""
    program, ann = waiting
    AttributeDefinition.objects.create(subject="person", name="seat", label="Seat", type="text")
    rule = {"test": "attribute", "name": "seat", "operator": "set"}
    amend_step(program.pk, "cw", wait({"type": "rule", "rule": rule}), actor=None)
    patch_attributes("person", {ann.pk: {"plan": "pro"}}, cause={})
    run_lanes()
    assert Participant.objects.get().state == "active"
    patch_attributes("person", {ann.pk: {"seat": "4a"}}, cause={})
    run_lanes()
    assert Participant.objects.get().end_reason == "bought"


def test_what_an_amendment_asks_for_is_in_use(waiting):
    """CUS-01: an attribute that only an amendment names cannot be deleted under the program."""
    program, _ = waiting
    AttributeDefinition.objects.create(subject="person", name="seat", label="Seat", type="text")
    rule = {"test": "attribute", "name": "seat", "operator": "set"}
    draft = program.draft
    amend_step(program.pk, "cw", wait({"type": "rule", "rule": rule}), actor=None)
    program.refresh_from_db()
    save_draft(program.pk, draft, revision=program.draft_revision, actor=None)
    assert programs_using_attribute("person", "seat") == [f"Program “{program}”"]


def test_events_limits_and_other_steps_need_a_new_version(waiting):
    """PRG-44: refused with the place, and nothing is changed."""
    program, _ = waiting
    opened = {"type": "event", "step": "ml", "event": "opened"}
    cases = [
        ("cw", wait(plan("pro"), amount=4), "/config/amount"),
        ("cw", wait(plan("pro"), opened), "/config/conditions"),
        ("cw", wait({"type": "rule", "rule": {"test": "no"}}), "/rule/test"),
        ("cw", wait(), "/conditions"),
        ("cw", [], "/config"),
        ("w1", {"amount": 2, "unit": "days"}, "/config"),
        ("zz", {}, "/step"),
    ]
    for key, config, path in cases:
        with pytest.raises(DomainError) as refused:
            amend_step(program.pk, key, config, actor=None)
        assert any(p.path.endswith(path) for p in refused.value.problems), (path, refused.value)
    assert not Amendment.objects.exists()


def test_only_what_runs_can_be_amended_by_who_may_publish(waiting):
    """PRG-44, SEC-01."""
    program, _ = waiting
    with pytest.raises(NotAllowed):
        amend_step(program.pk, "cw", wait(plan("x")), actor=make.staff("csm"))
    with pytest.raises(Conflict):
        amend_step(program.pk, "cw", wait(plan("pro")), actor=None)  # as it is
    stop_program(program.pk, actor=None)
    with pytest.raises(Conflict):
        amend_step(program.pk, "cw", wait(plan("x")), actor=None)


def test_a_draft_that_was_edited_at_the_step_is_left_alone(waiting):
    """PRG-42: nobody's work is lost; going back goes to what is in force."""
    program, _ = waiting
    program.refresh_from_db()
    draft = make.flow(
        make.step("conditional_wait", "cw", **wait(plan("gold")), exits={"met": [], "not_met": []})
    )
    save_draft(program.pk, draft, revision=program.draft_revision, actor=None)
    amend_step(program.pk, "cw", wait(plan("team")), actor=None)
    program.refresh_from_db()
    assert program.draft["steps"][0]["config"]["conditions"] == [plan("gold")]
    back = discard_changes(program.pk, actor=None)
    assert back.draft["steps"][0]["config"]["conditions"][0]["rule"] == plan("team")["rule"]


def test_an_amendment_over_the_api(waiting, client):
    """API-01: the amendment, or what is wrong with its place."""
    program, _ = waiting
    client.force_login(make.staff("admin"))
    url = f"/api/v1/programs/{program.pk}/amend/"
    given = {"step": "cw", "config": wait(plan("team"))}
    answer = client.post(url, given, content_type="application/json")
    assert (answer.status_code, answer.json()["number"]) == (201, 1)
    given["config"]["amount"] = 9
    answer = client.post(url, given, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["error"]["problems"][0]["path"] == "/config/amount"


def test_a_change_of_the_draft_put_in_force(waiting):
    """PRG-44: the editor says which changes may go in force at once, and then nothing is left."""
    program, _ = waiting
    program.refresh_from_db()

    def edit(*steps):
        program.refresh_from_db()
        save_draft(program.pk, make.flow(*steps), revision=program.draft_revision, actor=None)
        program.refresh_from_db()
        return parse_flow(program.draft)

    paths = {"met": [make.step("exit", "e1", reason="bought")], "not_met": []}
    config = {"conditions": [plan("gold")], "amount": 3}  # without its defaults
    gold = make.step("conditional_wait", "cw", **config, exits=paths)
    flow = edit(gold, make.step("wait_timer", "w1", amount=9))
    assert set(amendable_steps(program, flow)) == {"cw"}
    found = amendable(program, flow, "cw")
    assert (found.here, found.review) == (1, ())
    assert amendable(program, flow, "w1") is None
    flow = edit(gold, make.step("wait_timer", "w1"))
    amend_step(program.pk, "cw", dict(amendable(program, flow, "cw").config), actor=None)
    program.refresh_from_db()
    assert program.draft == program.published.in_force()
    assert amendable_steps(program, parse_flow(program.draft)) == {}

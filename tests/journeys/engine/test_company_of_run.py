"""A person of several companies travels for one of them, and rules ask about that one (CUS-01)."""

import pytest

from csplatform.customers.models import Membership
from csplatform.customers.operations.attributes import patch_attributes
from journeys.models import Participant, Transition
from journeys.operations.enroll import enroll
from tests import factories as make

pytestmark = pytest.mark.django_db


def company_rule(match="any", **attribute):
    return {"test": "company", "match": match, "rule": {"test": "attribute", **attribute}}


RICH = company_rule(name="arr", operator="gte", value=1000)


@pytest.fixture
def ann():
    """Ann travels for the small company, her primary one, and also works for a big one."""
    small, big = make.company(name="Small", arr=10), make.company(name="Big", arr=5000)
    someone = make.person(at=small, name="Ann")
    Membership.objects.create(person=someone, company=big)
    return someone, small, big


def test_a_branch_asks_about_the_company_of_the_run(ann, run_lanes):
    """PRG-05: the other company's ARR does not count."""
    someone, *_ = ann
    lonely = make.person()  # of no company: nothing to ask about
    paths = [{"key": "rich", "label": "Rich", "rule": RICH}]
    program = make.program(
        make.step("if_else", "if", paths=paths, exits={
            "rich": [make.step("exit", "e1", reason="rich")],
            "else": [make.step("exit", "e2", reason="poor")]}),
    )  # fmt: skip
    enroll(program.pk, [someone.pk, lonely.pk], actor=None)
    run_lanes()
    assert set(Participant.objects.values_list("end_reason", flat=True)) == {"poor"}


def test_every_and_none_of_their_companies_are_the_one(ann, run_lanes):
    """RUL-01: with one company that counts, “every one” and “none” are about it alone."""
    someone, *_ = ann
    poor = {"name": "arr", "operator": "lt", "value": 1000}
    paths = [
        {"key": "both", "label": "Both", "rule": {"all": [
            company_rule("all", **poor), {"not": company_rule("none", **poor)}]}},
    ]  # fmt: skip
    program = make.program(
        make.step("if_else", "if", paths=paths, exits={
            "both": [make.step("exit", "e1", reason="poor alone")], "else": []}),
    )  # fmt: skip
    enroll(program.pk, [someone.pk], actor=None)
    run_lanes()
    assert Participant.objects.get().end_reason == "poor alone"


def test_waits_goals_and_exits_ask_about_it_too(ann, run_lanes):
    """PRG-06, 25, 26: a change of the other company moves nobody, one of the run's company does."""
    someone, small, big = ann
    wait = make.step("conditional_wait", "cw", amount=30, unit="days",
                     conditions=[{"type": "rule", "rule": RICH}],
                     exits={"met": [make.step("wait_timer", "w1")], "not_met": []})  # fmt: skip
    gone = company_rule(name="status", operator="equals", value="churned")
    program = make.program(
        wait,
        goal=company_rule(name="arr", operator="gte", value=9000),
        goal_exits=False,
        exits=[{"name": "Churned", "rule": gone}],
    )
    enroll(program.pk, [someone.pk], actor=None)
    run_lanes()
    patch_attributes("company", {big.pk: {"arr": 9999, "status": "churned"}}, cause={})
    run_lanes()
    run = Participant.objects.get()
    assert (run.step.key, run.goal_at, run.state) == ("cw", None, "active")
    patch_attributes("company", {small.pk: {"arr": 9999}}, cause={})
    run_lanes()
    run.refresh_from_db()
    assert run.goal_at is not None
    assert run.step.key == "w1"
    patch_attributes("company", {small.pk: {"status": "churned"}}, cause={})
    run_lanes()
    run.refresh_from_db()
    assert (run.state, run.end_reason) == ("unenrolled", "Churned")
    assert Transition.objects.filter(participant_id=run.pk, kind="goal").count() == 1

"""The step “Assign CSM” (PRG-07)."""

import pytest

from csplatform.customers.models import Company
from csplatform.kit.errors import DomainError
from journeys.engine import advance
from journeys.flow.checks import check_flow
from journeys.flow.parse import parse_flow
from journeys.models import Participant, Transition
from journeys.operations.enroll import enroll
from tests import factories as make

pytestmark = pytest.mark.django_db


def travel(rows, type="company", **config):
    program = make.program(make.step("assign_csm", "k1", **config), type=type)
    enroll(program.pk, make.ids(rows), actor=None)
    advance.run_ids(make.ids(Participant.objects.filter(program=program)))
    return list(Participant.objects.filter(program=program).order_by("pk"))


def marks(**config):
    flow = parse_flow(make.flow(make.step("assign_csm", "k1", **config)))
    found = check_flow(flow, subject="company", program_id=0, model="journey")
    return [m for m in found if m.step_key == "k1"]


def test_companies_are_dealt_out_to_a_role():
    """In the order of their ids."""
    kim, lee = make.staff("csm"), make.staff("csm")
    rows = [make.company() for _ in range(4)]
    found = travel(rows)
    assert [Company.objects.get(pk=r.pk).csm_id for r in rows] == [kim.pk, lee.pk] * 2
    assert {p.state for p in found} == {"completed"}
    told = Transition.objects.filter(kind="go").order_by("id").first().evidence
    assert told == {"csm": str(kim), "old": None}


def test_people_give_their_company_one_csm():
    """Two people of one company: one assignment; who has no company goes on."""
    kim, _ = make.staff("csm"), make.staff("csm")
    company = make.company()
    people = [make.person(at=company), make.person(at=company), make.person()]
    found = travel(people, type="person", only_unassigned=False)
    company.refresh_from_db()
    assert company.csm_id == kim.pk
    assert {p.state for p in found} == {"completed"}


@pytest.mark.parametrize(("if_nobody", "state"), [("fail", "failed"), ("go", "completed")])
def test_nobody_to_choose(if_nobody, state):
    """As chosen: a failure that can be tried again, or on without."""
    gone = make.staff("csm", is_active=False)
    (found,) = travel([make.company()], pool="users", users=[gone.username], if_nobody=if_nobody)
    assert found.state == state
    if state == "failed":
        assert found.end_reason == "There is no active user to choose as CSM."


def test_one_person_by_user_name():
    """Named by user name, so that a copy in a file means the same."""
    kim = make.staff("csm")
    company = make.company(csm=make.staff("csm"))
    travel([company], method="fixed", user=kim.username, only_unassigned=False)
    company.refresh_from_db()
    assert company.csm_id == kim.pk


def test_marks():
    """Who is gone blocks, who left is a warning, nobody named blocks."""
    left = make.staff("csm", is_active=False)
    assert [m.code for m in marks(method="fixed")] == ["missing"]
    assert "no user “nix”" in marks(method="fixed", user="nix")[0].message
    assert marks(pool="users", users=[left.username])[0].level == "warning"
    assert marks(pool="role", role="agent")[0].code == "nobody"


def test_bad_settings_are_refused_with_their_path():
    """An unknown method or role."""
    with pytest.raises(DomainError):
        make.program(make.step("assign_csm", "k1", method="best"), type="company")

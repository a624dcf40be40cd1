"""RUL-01: who looks after a company, alike in SQL and in memory, now and as of the past."""

from datetime import timedelta

import pytest

from csplatform.customers.models import Company, CompanyOwner
from csplatform.customers.operations.companies import assign_csm
from csplatform.customers.operations.owners import set_owners
from csplatform.kit.clock import now
from csplatform.rules.compile import matching_ids
from csplatform.rules.evaluate import matches
from csplatform.rules.load import load_facts
from csplatform.rules.parse import parse_rule, problems_of
from csplatform.rules.references import needs_of
from tests import factories as make

pytestmark = pytest.mark.django_db


def who(rule: dict, *companies: Company) -> set[int]:
    """Those whom a rule matches, asked in three ways."""
    node = parse_rule({"test": "owner", **rule}, "company")
    ids = [company.pk for company in companies]
    found = matching_ids(node, "company", now())
    assert matching_ids(node, "company", now(), ids=ids) == found
    facts = load_facts("company", ids, needs_of(node, "company"), now())
    assert {id_ for id_ in ids if matches(node, facts[id_], now())} == found
    return found


def test_roles_people_and_those_who_left() -> None:
    ada, ben = make.staff("csm", username="ada"), make.staff("csm", username="ben", is_active=False)
    has, left, none = make.company(csm=ada), make.company(csm=ben), make.company()
    CompanyOwner.objects.create(company=none, user=ada, role="Sponsor")
    CompanyOwner.objects.create(company=none, user=ben, role="Helper")
    everybody = (has, left, none)
    assert who({}, *everybody) == {has.pk}
    assert who({"operator": "nobody"}, *everybody) == {left.pk, none.pk}
    assert who({"operator": "left"}, *everybody) == {left.pk}
    assert who({"operator": "is", "users": ["ben"]}, *everybody) == {left.pk}
    assert who({"operator": "is_not", "users": ["ben"]}, *everybody) == {has.pk, none.pk}
    assert who({"role": "sponsor"}, *everybody) == {none.pk}
    assert who({"role": "Helper"}, *everybody) == set()
    assert who({"role": "Helper", "operator": "left"}, *everybody) == {none.pk}


def test_unknown_users_are_named_with_their_place() -> None:
    rule = {"test": "owner", "operator": "is", "users": ["nobody"]}
    assert [p.path for p in problems_of(rule, "company")] == ["/users/0"]
    assert problems_of({"test": "owner", "operator": "is"}, "company")


def test_as_of_the_past() -> None:
    """RUL-03: the CSM and the other owners are wound back."""
    ada, acme = make.staff("csm", username="ada"), make.company()
    Company.objects.update(created_at=now() - timedelta(days=9))
    before = now()
    assign_csm([acme.pk], ada)
    set_owners(acme.pk, [("Sponsor", ada.pk)], actor=None)
    between = now()
    assign_csm([acme.pk], None)
    assert not set_owners(acme.pk, [("Sponsor", ada.pk)], actor=None)
    assert set_owners(acme.pk, [], actor=None)

    def held(role: str, at) -> bool:
        node = parse_rule({"test": "owner", "role": role}, "company")
        facts = load_facts("company", [acme.pk], needs_of(node, "company"), at, past=True)
        return matches(node, facts[acme.pk], at)

    assert [held("csm", at) for at in (before, between, now())] == [False, True, False]
    assert [held("Sponsor", at) for at in (before, between, now())] == [False, True, False]

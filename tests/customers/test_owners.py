"""Who of ours looks after a company."""

import pytest

from csplatform.customers.models import CompanyOwner
from csplatform.customers.owners import CSM, known_roles, owners_of, primary_companies
from tests import factories as make

pytestmark = pytest.mark.django_db


def test_csms_and_other_roles_are_found_and_who_left_does_not_count(
    django_assert_num_queries,
) -> None:
    """One query, however many companies (CUS-01, PRG-07)."""
    anna, ben, gone = make.staff("csm"), make.staff("csm"), make.staff("csm", is_active=False)
    first, second, third = make.company(csm=anna), make.company(csm=gone), make.company()
    for company, user in ((first, gone), (first, ben), (third, ben), (third, anna)):
        CompanyOwner.objects.create(company=company, user=user, role="Support engineer")
    ids = [first.pk, second.pk, third.pk]
    with django_assert_num_queries(1):
        assert owners_of(ids, CSM) == {first.pk: anna.pk}
    assert owners_of(ids, "support ENGINEER") == {first.pk: ben.pk, third.pk: ben.pk}
    assert owners_of(ids, "Sponsor") == owners_of([], CSM) == {}
    assert known_roles() == [(CSM, "CSM"), ("Support engineer", "Support engineer")]


def test_the_primary_company_counts_for_a_person() -> None:
    """Those without a company are left out."""
    company = make.company()
    at_home, free = make.person(at=company), make.person()
    assert primary_companies([at_home.pk, free.pk]) == {at_home.pk: company.pk}

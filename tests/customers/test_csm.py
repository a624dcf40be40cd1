"""Dealing companies out to CSMs (PRG-07): fair, also when many do it at once."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from csplatform.customers.models import AttributeChange, Company
from csplatform.customers.operations.companies import assign_csm
from csplatform.customers.operations.csm import KEPT, NOBODY, deal_out
from csplatform.freshness.models import Touch
from tests import factories as make

pytestmark = pytest.mark.django_db


def managers(count):
    return [make.staff("csm") for _ in range(count)]


def companies(count, **more):
    rows = [Company(name=f"C{n}", external_id=f"c-{n}", **more) for n in range(count)]
    return make.ids(Company.objects.bulk_create(rows))


def held():
    """How many companies each user looks after."""
    return Counter(Company.objects.exclude(csm=None).values_list("csm_id", flat=True))


def test_in_turn_begins_with_who_got_none_for_longest():
    """Also what was given by hand counts as a turn."""
    anna, ben, cleo = managers(3)
    first, *rest = companies(4)
    assign_csm([first], anna)
    pool = make.ids([anna, ben, cleo])
    dealt = deal_out(rest, pool, method="round_robin")
    assert [dealt[i].user_id for i in rest] == [ben.pk, cleo.pk, anna.pk]
    more = Company.objects.create(name="Last").pk
    assert deal_out([more], pool, method="round_robin")[more].user_id == ben.pk


def test_history_and_touches_tell_of_it():
    """Rules on the CSM act at once; the timeline shows by whom and why."""
    (kim,) = managers(1)
    (company,) = companies(1)
    Touch.objects.all().delete()
    deal_out([company], [kim.pk], method="round_robin", cause={"program": 3, "step": "k1"})
    change = AttributeChange.objects.get(name="csm")
    assert (change.old, change.new, change.cause) == (None, kim.pk, {"program": 3, "step": "k1"})
    assert list(Touch.objects.values_list("subject", "subject_id", "key")) == [
        ("company", company, "attr.csm")
    ]


def test_only_those_without_a_csm_and_who_left_counts_as_none():
    """Companies of active CSMs are left alone; those of one who left get another."""
    kim, lee = managers(2)
    gone = make.staff("csm")
    kept, orphan = companies(2)
    assign_csm([kept], kim)
    assign_csm([orphan], gone)
    gone.is_active = False
    gone.save()
    dealt = deal_out([kept, orphan], [lee.pk, gone.pk], method="round_robin")
    assert (dealt[kept].user_id, dealt[kept].kept) == (kim.pk, KEPT)
    assert (dealt[orphan].user_id, dealt[orphan].kept) == (lee.pk, "")


def test_nobody_in_the_pool_changes_nothing():
    """Stated, and the old CSM stays."""
    kim = make.staff("csm")
    (company,) = companies(1)
    assign_csm([company], kim)
    dealt = deal_out([company], [], method="fewest_accounts", only_unassigned=False)
    assert (dealt[company].user_id, dealt[company].kept) == (kim.pk, NOBODY)


def test_fewest_accounts_fills_up_the_emptiest():
    """Churned companies do not count."""
    kim, lee = managers(2)
    ids = companies(7)
    assign_csm(ids[:3], kim)
    assign_csm(ids[3:4], lee)
    Company.objects.filter(pk=ids[0]).update(status="churned")
    dealt = deal_out(ids[4:], make.ids([kim, lee]), method="fewest_accounts")
    assert Counter(d.user_id for d in dealt.values()) == {lee.pk: 2, kim.pk: 1}


def test_least_revenue_goes_by_arr():
    """A big customer weighs more than three small ones."""
    kim, lee = managers(2)
    big, *small = companies(4)
    Company.objects.filter(pk=big).update(arr=100_000)
    Company.objects.filter(pk__in=small).update(arr=1_000)
    dealt = deal_out([big, *small], make.ids([kim, lee]), method="least_revenue")
    assert {dealt[i].user_id for i in small} == {lee.pk}
    assert dealt[big].user_id == kim.pk


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=6),
    st.integers(1, 5),
    st.sampled_from(["round_robin", "fewest_accounts"]),
)
def test_however_it_is_split_into_batches_it_is_fair(sizes, count, method):
    """Differences of one at most, whatever the batches."""
    Company.objects.all().delete()
    pool = make.ids(managers(count))
    ids = companies(sum(sizes))
    for size in sizes:
        deal_out(ids[:size], pool, method=method)
        ids = ids[size:]
    found = [held()[user] for user in pool]
    assert sum(found) == sum(sizes)
    assert max(found) - min(found) <= 1


@pytest.mark.parametrize("method", ["round_robin", "fewest_accounts", "least_revenue"])
def test_one_or_a_thousand_are_the_same_number_of_queries(method):
    """Sets, not rows."""
    pool = make.ids(managers(3))
    counts = []
    ids = companies(1002)
    for part in (ids[:2], ids[2:]):
        with CaptureQueriesContext(connection) as queries:
            deal_out(part, pool, method=method)
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("method", ["round_robin", "fewest_accounts", "least_revenue"])
def test_ten_thousand_companies_in_parallel_batches_are_dealt_fairly(method):
    """Four connections, seven CSMs: nobody has more than one company more than another."""
    pool = make.ids(managers(7))
    ids = companies(10_000, arr=10)
    batches = [ids[n : n + 250] for n in range(0, len(ids), 250)]

    def work(batch):
        try:
            deal_out(batch, pool, method=method)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(work, batches))
    found = held()
    assert sum(found.values()) == 10_000
    assert max(found.values()) - min(found.values()) <= 1

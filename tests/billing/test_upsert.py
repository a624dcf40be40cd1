"""Subscriptions and invoices are written by external id, kept in history, and told to rules."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from csplatform.accounts.models import AuditEntry
from csplatform.billing.ledger import INVOICES, SUBSCRIPTIONS
from csplatform.billing.models import BillingChange, Invoice, Subscription
from csplatform.billing.operations.upsert import BillingInput, delete, upsert
from csplatform.customers.models import Company
from csplatform.customers.operations.companies import CompanyRef
from csplatform.freshness.models import Touch
from csplatform.kit.clock import now
from csplatform.kit.errors import DomainError, NotAllowed
from csplatform.rules.evaluate import matches
from csplatform.rules.load import load_facts
from csplatform.rules.parse import parse_rule
from csplatform.rules.references import needs_of
from tests import factories as make
from tests.customers.race import in_threads

pytestmark = pytest.mark.django_db


def sub(company, external_id="sub-1", **values):
    """One to write."""
    ref = CompanyRef(id=company.pk) if company else None
    return BillingInput(external_id, None, ref, values)


def test_a_second_time_changes_nothing_and_a_change_leaves_history() -> None:
    """CUS-02: by external id; no-ops leave no trace."""
    acme = make.company()
    given = sub(acme, plan="Pro", mrr=100.5, ends_on="2027-01-31", seats=5)
    first = upsert(SUBSCRIPTIONS, [given], actor=None)[0]
    assert first.created
    assert not upsert(SUBSCRIPTIONS, [given], actor=None)[0].created
    assert BillingChange.objects.count() == 1
    Touch.objects.all().delete()
    again = upsert(SUBSCRIPTIONS, [sub(acme, mrr=200)], actor=None)[0]
    assert again.changed_names == ("mrr",)
    row = Subscription.objects.get()
    assert (row.plan, row.mrr, row.seats, row.ends_on) == ("Pro", 200, 5, date(2027, 1, 31))
    change = BillingChange.objects.first()
    assert (change.old["mrr"], change.new["mrr"]) == (100.5, 200)
    touches = Touch.objects.values_list("subject", "subject_id", "key")
    assert list(touches) == [("company", acme.pk, "subscriptions")]


def test_a_row_that_moves_tells_both_companies() -> None:
    old, new = make.company(), make.company()
    upsert(SUBSCRIPTIONS, [sub(old, plan="Pro")], actor=None)
    Touch.objects.all().delete()
    upsert(SUBSCRIPTIONS, [sub(new)], actor=None)
    assert set(Touch.objects.values_list("subject_id", flat=True)) == {old.pk, new.pk}


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"mrr": "much"}, "/0/mrr"),
        ({"seats": -1}, "/0/seats"),
        ({"status": "sold"}, "/0/status"),
        ({"starts_on": "2027-01-01", "ends_on": "2026-01-01"}, "/0/ends_on"),
        ({"ends_on": "0001-01-01"}, "/0/ends_on"),
        ({"colour": "red"}, "/0/colour"),
        ({"plan": "x" * 101}, "/0/plan"),
    ],
)
def test_what_no_row_can_hold_is_refused_with_its_place(values: dict, path: str) -> None:
    with pytest.raises(DomainError) as caught:
        upsert(SUBSCRIPTIONS, [sub(make.company(), **values)], actor=None)
    assert [p.path for p in caught.value.problems] == [path]
    assert not Subscription.objects.exists()


def test_invoices_know_their_subscription_and_company() -> None:
    acme, other = make.company(), make.company()
    upsert(SUBSCRIPTIONS, [sub(acme)], actor=None)
    bill = BillingInput("inv-1", None, CompanyRef(id=acme.pk), {"amount": 10}, "sub-1")
    upsert(INVOICES, [bill], actor=None)
    assert Invoice.objects.get().subscription == Subscription.objects.get()
    foreign = BillingInput("inv-2", None, CompanyRef(id=other.pk), {"amount": 10}, "sub-1")
    with pytest.raises(DomainError, match="no subscription"):
        upsert(INVOICES, [foreign], actor=None)
    with pytest.raises(DomainError, match="Say whose it is"):
        upsert(INVOICES, [BillingInput("inv-3", values={"amount": 1})], actor=None)
    with pytest.raises(DomainError, match="paid invoice"):
        upsert(
            INVOICES, [BillingInput("inv-1", values={"paid_on": "2026-01-01", "status": "open"})],
            actor=None,
        )  # fmt: skip
    upsert(INVOICES, [BillingInput("inv-1", values={"paid_on": "2026-01-01"})], actor=None)
    assert Invoice.objects.get().status == "paid"


def test_deleting_keeps_history_and_invoices() -> None:
    acme = make.company()
    made = upsert(SUBSCRIPTIONS, [sub(acme)], actor=None)[0]
    upsert(INVOICES, [BillingInput("i", None, CompanyRef(id=acme.pk), {"amount": 1}, "sub-1")],
           actor=None)  # fmt: skip
    assert delete(SUBSCRIPTIONS, [made.id], actor=make.staff()) == 1
    assert Invoice.objects.get().subscription is None
    assert BillingChange.objects.filter(kind="subscription", new__isnull=True).exists()
    assert AuditEntry.objects.filter(verb="subscription.delete").exists()
    assert delete(SUBSCRIPTIONS, [made.id], actor=None) == 0


def test_who_may_only_read_writes_nothing() -> None:
    with pytest.raises(NotAllowed):
        upsert(SUBSCRIPTIONS, [sub(make.company())], actor=make.staff("csm"))


def test_many_rows_cost_no_more_queries_than_one() -> None:
    acme = make.company()

    def queries(numbers: range) -> int:
        items = [sub(acme, f"sub-{n}", plan=f"Plan {n}") for n in numbers]
        with CaptureQueriesContext(
            connection,
        ) as captured:
            upsert(SUBSCRIPTIONS, items, actor=None)
        return len(captured)

    assert queries(range(1)) == queries(range(10, 210))
    assert queries(range(1, 2)) == queries(range(300, 500))


def test_rules_as_of_the_past_see_what_was_known_then() -> None:
    """RUL-03: created, changed, moved and deleted rows are wound back."""
    acme, other = make.company(), make.company()
    before = now() - timedelta(seconds=1)
    made = upsert(SUBSCRIPTIONS, [sub(acme, plan="Pro")], actor=None)[0]
    created = now()
    upsert(SUBSCRIPTIONS, [sub(other, plan="Free")], actor=None)
    moved = now()
    delete(SUBSCRIPTIONS, [made.id], actor=None)

    def has(plan: str, company: Company, at) -> bool:
        where = [{"field": "plan", "operator": "equals", "value": plan}]
        node = parse_rule({"test": "subscription", "where": where}, "company")
        facts = load_facts("company", [company.pk], needs_of(node, "company"), at, past=True)
        return matches(node, facts[company.pk], at)

    acme_made = Company.objects.get(pk=acme.pk)
    Company.objects.update(created_at=before - timedelta(days=1))
    assert acme_made
    assert not has("Pro", acme, before)
    assert has("Pro", acme, created)
    assert not has("Pro", other, created)
    assert not has("Free", acme, moved)
    assert has("Free", other, moved)
    assert not has("Free", other, now())


@pytest.mark.django_db(transaction=True)
def test_two_who_bring_the_same_new_row_make_one() -> None:
    acme = make.company()
    in_threads(*[lambda: upsert(SUBSCRIPTIONS, [sub(acme, plan="Pro")], actor=None)] * 2)
    assert Subscription.objects.count() == 1
    assert BillingChange.objects.count() == 1

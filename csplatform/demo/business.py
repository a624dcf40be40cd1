"""What demo companies use and pay: the usage tree, subscriptions, invoices."""

from datetime import date, timedelta
from typing import Any

from csplatform.billing.ledger import INVOICES, SUBSCRIPTIONS
from csplatform.billing.operations.upsert import BillingInput, upsert
from csplatform.customers.models import Company
from csplatform.customers.operations.companies import CompanyRef
from csplatform.demo.parts import World
from csplatform.usage.operations.tree import PartInput, save_product

# (key, label, event, adopted: measure, count, days) by module
TREE: dict[tuple[str, str], tuple[tuple[Any, ...], ...]] = {
    ("planning", "Planning"): (
        ("boards", "Boards", "board_viewed", ("days", 3, 30)),
        ("projects", "Projects", "project_created", ("times", 1, 30)),
        ("tasks", "Tasks", "task_completed", ("days", 3, 30)),
    ),
    ("reporting", "Reporting"): (
        ("export", "Report export", "report_exported", ("times", 2, 60)),
    ),
    ("team", "Team"): (
        ("sign_in", "Sign-in", "signed_in", ()),
        ("invite", "Invitations", "teammate_invited", ("times", 1, 60)),
    ),
}  # fmt: skip
PRODUCT = "boards"
THRESHOLD = ("adopted_measure", "adopted_count", "adopted_days")


def build_usage_tree(world: World) -> None:
    """The demo product over the demo events."""
    adopted: dict[str, Any] = dict(zip(THRESHOLD, ("features", 3, 30), strict=True))
    parts = [PartInput(PRODUCT, "Acme Boards", **adopted)]
    for (key, label), features in TREE.items():
        parts.append(PartInput(key, label, PRODUCT))
        for name, title, event, threshold in features:
            said: dict[str, Any] = dict(zip(THRESHOLD, threshold, strict=False))
            parts.append(PartInput(name, title, f"{PRODUCT}/{key}", event, **said))
    save_product(parts, actor=world.staff["manager"])


def build_billing(world: World) -> None:
    """A subscription for each paying company with a year of invoices, some of them overdue."""
    companies = Company.objects.filter(pk__in=world.company_ids, mrr__gt=0).order_by("pk")
    subscriptions, invoices = [], []
    for company in companies:
        subscription = _subscription(company, world)
        subscriptions.append(subscription)
        invoices += _invoices(company, subscription, world)
    admin = world.staff["admin"]
    upsert(SUBSCRIPTIONS, subscriptions, actor=admin, cause={"how": "demo"})
    for start in range(0, len(invoices), 1000):
        upsert(INVOICES, invoices[start : start + 1000], actor=admin, cause={"how": "demo"})


def _subscription(company: Company, world: World) -> BillingInput:
    rng, today = world.random, world.now.date()
    ends = company.renewal_date or today + timedelta(days=200)
    gone = company.status == "churned"
    if gone:
        ends = today - timedelta(days=rng.randint(5, 60))
    billing = min(ends, today + timedelta(days=rng.randint(1, 80)))
    values = {
        "plan": company.attributes.get("plan", ""),
        "status": "ended" if gone else rng.choice(("active",) * 9 + ("past_due",)),
        "mrr": float(company.mrr or 0),
        "seats": company.attributes.get("seats"),
        "starts_on": ends - timedelta(days=365),
        "ends_on": ends,
        "notice_days": rng.choice((30, 60, 90)),
        "billing_interval": rng.choice(("year", "quarter", "quarter")),
        "next_billing_on": None if gone else billing,
    }
    external_id = f"sub-{company.external_id}"
    return BillingInput(external_id, None, CompanyRef(id=company.pk), values)


def _invoices(company: Company, subscription: BillingInput, world: World) -> list[BillingInput]:
    """One for each quarter (or for the year) that has begun; the last ones may be open."""
    values, today = subscription.values, world.now.date()
    months = 12 if values["billing_interval"] == "year" else 3
    late = world.random.random() < 0.15
    found: list[BillingInput] = []
    day: date = values["starts_on"]
    while day <= min(today, values["ends_on"]):
        due = day + timedelta(days=30)
        paid = due - timedelta(days=world.random.randint(0, 25))
        is_open = paid > today or (late and due > today - timedelta(days=120))
        state = {"status": "open"} if is_open else {"status": "paid", "paid_on": paid}
        number = f"{day:%Y}-{company.external_id}-{len(found) + 1}"
        bill = {
            "number": number, "amount": round(values["mrr"] * months, 2), "currency": "EUR",
            "issued_on": day, "due_on": due, **state,
        }  # fmt: skip
        ref = CompanyRef(id=company.pk)
        found.append(BillingInput(f"inv-{number}", None, ref, bill, subscription.external_id))
        day += timedelta(days=30 * months)
    return found

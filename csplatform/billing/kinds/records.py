"""The tests “subscriptions” and “invoices” of a company, and what they read."""

import json
from collections import defaultdict
from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Any, ClassVar

from csplatform.billing.ledger import INVOICES, SUBSCRIPTIONS, Ledger
from csplatform.billing.operations.upsert import read_rows
from csplatform.customers.attributes import Spec
from csplatform.kit import sql
from csplatform.kit.schema import Config
from csplatform.rules.kind import Example
from csplatform.rules.records import RecordField, Records, RecordTest, field_of, record_config

NOTICE = RecordField(
    Spec("notice_until", "Notice due by", "date"), "(r.ends_on - r.notice_days)", "date"
)
UNPAID = RecordField(
    Spec("unpaid_due_on", "Due while unpaid", "date"),
    "(CASE WHEN r.status = 'open' THEN r.due_on END)",
    "date",
)


def _fields(ledger: Ledger, *names: str) -> dict[str, RecordField]:
    return {name: field_of(ledger.columns[name].spec) for name in names}


class SubscriptionTest(RecordTest):
    """How many subscriptions of a company, or how much MRR in sum, fit the conditions.

    A company without subscriptions: “none” and “at most” are true. A value that a subscription
    lacks makes positive conditions false and negated ones true.
    """

    key: ClassVar[str] = "subscription"
    label: ClassVar[str] = "Subscriptions"
    group: ClassVar[str] = "What they pay"
    help: ClassVar[str] = "Plan, status, MRR, seats, start, end and notice of subscriptions."
    subjects: ClassVar[tuple[str, ...]] = ("company",)
    records: ClassVar[Records] = Records(
        one="subscription",
        table="billing_subscription",
        owner="company_id",
        source="billing.subscriptions",
        fact="subscriptions",
        fields=_fields(
            SUBSCRIPTIONS, "status", "plan", "mrr", "seats", "starts_on", "ends_on"
        ) | {"notice_until": NOTICE} | _fields(
            SUBSCRIPTIONS, "billing_interval", "next_billing_on", "external_id"
        ),
        summed="mrr",
        suggested=("plan",),
    )  # fmt: skip
    Config: ClassVar[type[Config]] = record_config("SubscriptionConfig", records)
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "company",
            {
                "match": "any",
                "where": [
                    {"field": "status", "operator": "equals", "value": "active"},
                    {"field": "ends_on", "operator": "in_next_days", "value": 60},
                ],
            },
        ),
        Example("company", {"match": "sum_at_least", "count": 1000}),
    )


class InvoiceTest(RecordTest):
    """How many invoices of a company, or what amount in sum, fit the conditions.

    A company without invoices: “none” and “at most” are true. “Due while unpaid” is the due date of
    an open invoice and missing for others: in the past means overdue. Sums do not convert
    currencies; add a condition on the currency where there are several.
    """

    key: ClassVar[str] = "invoice"
    label: ClassVar[str] = "Invoices"
    group: ClassVar[str] = "What they pay"
    help: ClassVar[str] = (
        "Overdue is: “Due while unpaid” is in the past, or was more than so many days ago."
    )
    subjects: ClassVar[tuple[str, ...]] = ("company",)
    records: ClassVar[Records] = Records(
        one="invoice",
        table="billing_invoice",
        owner="company_id",
        source="billing.invoices",
        fact="invoices",
        fields={"unpaid_due_on": UNPAID}
        | _fields(
            INVOICES, "status", "amount", "currency", "issued_on", "due_on", "paid_on", "number"
        ),
        summed="amount",
        suggested=("currency",),
    )
    Config: ClassVar[type[Config]] = record_config("InvoiceConfig", records)
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "company",
            {
                "match": "any",
                "where": [
                    {"field": "unpaid_due_on", "operator": "more_than_days_ago", "value": 30}
                ],
            },
        ),
        Example(
            "company",
            {
                "match": "sum_at_least",
                "count": 500.5,
                "where": [
                    {"field": "unpaid_due_on", "operator": "in_past"},
                    {"field": "currency", "operator": "equals", "value": "EUR"},
                ],
            },
        ),
    )


def _derived(ledger: Ledger, row: dict[str, Any]) -> dict[str, Any]:
    """A row with the fields that only rules know; as NOTICE and UNPAID in SQL."""
    if ledger is INVOICES:
        return {**row, "unpaid_due_on": row["due_on"] if row["status"] == "open" else None}
    until = None
    if row["ends_on"] and row["notice_days"] is not None:
        until = (
            date.fromisoformat(row["ends_on"]) - timedelta(days=row["notice_days"])
        ).isoformat()
    return {**row, "notice_until": until}


def _rows_of(
    ledger: Ledger, ids: Collection[int], moment: datetime | None
) -> dict[tuple[Any, int], Any]:
    """The rows of companies, now or as known at a moment."""
    wanted = list(ids)
    rows = {
        row["id"]: row
        for row in read_rows(ledger, "company_id = ANY(%s::bigint[])", [wanted], lock=False)
    }
    if moment is not None:
        later = sql.rows(
            "SELECT DISTINCT ON (row_id) row_id, old::text FROM billing_billingchange"
            " WHERE kind = %s AND company_id = ANY(%s::bigint[]) AND recorded_at > %s"
            " ORDER BY row_id, id",
            [ledger.key, wanted, moment],
        )
        for row_id, old in later:
            rows.pop(row_id, None)
            if old is not None:
                rows[row_id] = json.loads(old)
    found: dict[tuple[Any, int], Any] = defaultdict(list)
    asked = set(wanted)
    for row_id in sorted(rows):
        row = rows[row_id]
        if row["company_id"] in asked:
            found[0, row["company_id"]].append(_derived(ledger, row))
    return found


def subscriptions_of(
    subject: str, ids: Collection[int], owns: Collection[Any], moment: datetime | None
) -> dict[tuple[Any, int], Any]:
    """A source of facts: the subscriptions of companies."""
    return _rows_of(SUBSCRIPTIONS, ids, moment) if subject == "company" else {}


def invoices_of(
    subject: str, ids: Collection[int], owns: Collection[Any], moment: datetime | None
) -> dict[tuple[Any, int], Any]:
    """A source of facts: the invoices of companies."""
    return _rows_of(INVOICES, ids, moment) if subject == "company" else {}


def plans(subject: str) -> list[tuple[str, str]]:
    """Options: the plans that occur, the most frequent ones first."""
    found = sql.rows(
        "SELECT plan FROM billing_subscription WHERE plan <> ''"
        " GROUP BY plan ORDER BY count(*) DESC, plan LIMIT 100"
    )
    return [(plan, plan) for (plan,) in found]


def currencies(subject: str) -> list[tuple[str, str]]:
    """Options: the currencies that occur."""
    found = sql.rows("SELECT DISTINCT currency FROM billing_invoice ORDER BY 1 LIMIT 100")
    return [(currency, currency) for (currency,) in found]

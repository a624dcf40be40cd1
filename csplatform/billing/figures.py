"""What a company pays, at a glance: for mails and the snapshot page."""

from collections.abc import Iterable
from typing import Any

from csplatform.customers.attributes import normal
from csplatform.kit import sql

# Token below "company.", label, type.
TOKENS = (
    ("subscription_plan", "Plan of the subscription", "text"),
    ("subscription_ends_on", "End of the subscription", "date"),
    ("overdue_amount", "Overdue amount", "number"),
    ("overdue_count", "Overdue invoices", "number"),
)


def token_values(company_ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Values of TOKENS by company; one query, nothing for companies that pay nothing.

    The subscription is the running one that ends last. The amount adds up all currencies.
    """
    rows = sql.rows(
        "SELECT c.id, s.plan, s.ends_on, i.amount, i.number FROM unnest(%s::bigint[]) c (id)"
        " LEFT JOIN LATERAL (SELECT plan, ends_on FROM billing_subscription WHERE company_id = c.id"
        "  AND status NOT IN ('cancelled', 'ended') ORDER BY ends_on DESC NULLS LAST, id DESC"
        "  LIMIT 1) s ON TRUE"
        " LEFT JOIN LATERAL (SELECT sum(amount) AS amount, count(*) AS number FROM billing_invoice"
        "  WHERE company_id = c.id AND status = 'open'"
        "  AND due_on < (now() AT TIME ZONE 'UTC')::date) i ON TRUE",
        [sorted(set(company_ids))],
    )
    names = [name for name, _, _ in TOKENS]
    found = {}
    for company_id, *values in rows:
        values[-1] = values[-1] or None
        told = dict(zip(names, map(normal, values), strict=True))
        if any(value is not None for value in told.values()):
            found[company_id] = told
    return found

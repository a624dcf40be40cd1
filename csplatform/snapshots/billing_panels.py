"""The panel about what a company pays."""

from datetime import datetime
from typing import Any

from django.urls import reverse

from csplatform.billing.filters import overdue
from csplatform.billing.models import Invoice, Subscription

SHOWN = 6


def billing(company_id: int, user: Any, now: datetime) -> dict[str, Any] | None:
    """Subscriptions, and invoices with the overdue ones on top; hidden for who pays nothing."""
    subscriptions = list(
        Subscription.objects.filter(company_id=company_id).order_by("-ends_on", "-id")[:SHOWN]
    )
    invoices = Invoice.objects.filter(company_id=company_id)
    late = {row.pk for row in overdue(invoices)}
    newest = list(invoices.order_by("-due_on", "-id")[:SHOWN])
    if not subscriptions and not newest:
        return None
    shown = sorted(newest, key=lambda row: row.pk not in late)
    links = {
        name: f"{reverse(f'admin:billing_{name}_changelist')}?company__id__exact={company_id}"
        for name in ("subscription", "invoice")
    }
    return {
        "subscriptions": subscriptions,
        "invoices": [(row, row.pk in late) for row in shown],
        "overdue": len(late),
        "links": links,
    }

"""What billing brings to the rooms below."""

from functools import partial

from django.urls import reverse_lazy

from csplatform.adminkit.navigation import Entry, entries
from csplatform.api.routes import Route, routes
from csplatform.billing.api.billing import InvoiceViewSet, SubscriptionViewSet
from csplatform.billing.kinds.records import (
    InvoiceTest,
    SubscriptionTest,
    currencies,
    invoices_of,
    plans,
    subscriptions_of,
)
from csplatform.rules.load import fact_sources
from csplatform.rules.options import option_sources
from csplatform.rules.registry import rule_kinds

PAGES = (
    ("subscription", 50, "Subscriptions", "autorenew"),
    ("invoice", 51, "Invoices", "receipt_long"),
)


def register() -> None:
    """Tests with their facts and options, addresses, sidebar entries."""
    for kind in (SubscriptionTest(), InvoiceTest()):
        rule_kinds.register(kind.key, kind)
    fact_sources.register("billing.subscriptions", subscriptions_of)
    fact_sources.register("billing.invoices", invoices_of)
    option_sources.register("billing.subscriptions.plan", plans)
    option_sources.register("billing.invoices.currency", currencies)
    routes.register("subscriptions", Route("subscriptions", SubscriptionViewSet))
    routes.register("invoices", Route("invoices", InvoiceViewSet))
    for name, order, title, icon in PAGES:
        link = reverse_lazy(f"admin:billing_{name}_changelist")
        entries.register(
            f"billing.{name}",
            Entry("Customers", order, title, icon, partial(str, link), f"billing.view_{name}"),
        )

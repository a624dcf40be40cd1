"""Subscriptions and invoices in the admin."""

from csplatform.billing.admin.billing import InvoiceAdmin, SubscriptionAdmin

__all__ = ["InvoiceAdmin", "SubscriptionAdmin"]

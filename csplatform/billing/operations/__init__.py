"""Writing subscriptions and invoices."""

"""What accounts brings to the rooms below."""

from functools import partial

from django.urls import reverse_lazy

from csplatform.accounts.trail import store_entry
from csplatform.adminkit.navigation import Entry, entries
from csplatform.kit import audit


def register() -> None:
    """Store audit entries in our table; the staff pages of the sidebar."""
    audit.register_sink(store_entry)
    for order, (key, title, icon) in enumerate(
        (
            ("user", "Users", "badge"),
            ("apikey", "API keys", "key"),
            ("auditentry", "Audit trail", "history"),
        )
    ):
        link = reverse_lazy(f"admin:accounts_{key}_changelist")
        permission = f"accounts.view_{key}"
        entries.register(
            f"accounts.{key}",
            Entry("Settings", 50 + order, title, icon, partial(str, link), permission),
        )

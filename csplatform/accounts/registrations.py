"""What accounts brings to the rooms below."""

from csplatform.accounts.trail import store_entry
from csplatform.kit import audit


def register() -> None:
    """Store audit entries in our table."""
    audit.register_sink(store_entry)

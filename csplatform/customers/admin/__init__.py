"""Admin pages of customers: thin doors to the operations. Nobody imports them."""

from csplatform.customers.admin import attributes, companies, events, people

__all__ = ["attributes", "companies", "events", "people"]

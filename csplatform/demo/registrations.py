"""The kernel's own parts of the demo tenant."""

from csplatform.demo import base, business
from csplatform.demo.parts import DemoPart, demo_parts


def register() -> None:
    """Called once at start."""
    demo_parts.register("staff", DemoPart(1, "staff", base.build_staff))
    demo_parts.register("attributes", DemoPart(2, "attributes", base.build_attributes))
    demo_parts.register("companies", DemoPart(10, "200 companies", base.build_companies))
    demo_parts.register("people", DemoPart(11, "5,000 people", base.build_people))
    demo_parts.register("usage", DemoPart(13, "usage tree", business.build_usage_tree))
    demo_parts.register(
        "billing", DemoPart(14, "subscriptions and invoices", business.build_billing)
    )
    demo_parts.register("events", DemoPart(12, "90 days of events", base.build_events))

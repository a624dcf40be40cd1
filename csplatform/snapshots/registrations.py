"""What the snapshot pages show about customers themselves; rooms above register the rest."""

from functools import partial

from django.urls import reverse_lazy

from csplatform.adminkit.navigation import Entry, entries
from csplatform.snapshots import book_parts
from csplatform.snapshots import customer_panels as show
from csplatform.snapshots.billing_panels import billing
from csplatform.snapshots.customer_timeline import changes_of, events_of, memberships_of
from csplatform.snapshots.panels import Panel, panels
from csplatform.snapshots.timeline import TimelineSource, timeline_sources

# What a customer may see of itself through a shared link.
SHAREABLE = ("customers.usage", "customers.people")
# key, label, subject, order, template, loader, width
PANELS = (
    ("customers.usage", "Usage", "company", 20, "usage", show.company_usage, "half"),
    ("customers.people", "People", "company", 30, "people", show.people, "half"),
    ("customers.values", "Attributes", "company", 40, "values", show.company_attributes, "half"),
    ("customers.owners", "Our people", "company", 50, "owners", show.owners, "half"),
    ("person.usage", "Usage", "person", 20, "usage", show.person_usage, "half"),
    ("person.companies", "Companies", "person", 30, "companies", show.companies, "half"),
    ("person.values", "Attributes", "person", 40, "values", show.person_attributes, "half"),
)


def register() -> None:
    """Panels and timeline sources."""
    for key, label, subject, order, template, load, width in PANELS:
        path = f"snapshots/panels/{template}.html"
        panels.register(key, Panel(key, label, subject, order, path, load, width,
                                  shareable=key in SHAREABLE))  # fmt: skip
    panels.register(
        "billing",
        Panel("billing", "Subscriptions and invoices", "company", 35,
              "snapshots/panels/billing.html", billing, "half", "billing.view_invoice"),
    )  # fmt: skip
    for source in (
        TimelineSource("events", "Events", "bolt", events_of("person_id"), events_of("company_id")),
        TimelineSource(
            "changes", "Changes", "edit_note", changes_of("person"), changes_of("company")
        ),
        TimelineSource(
            "memberships",
            "Companies and people",
            "group",
            memberships_of("person_id"),
            memberships_of("company_id"),
        ),
    ):
        timeline_sources.register(source.key, source)
    book_parts.register()
    for key, group, order, title, icon, page, permission in (
        ("book", "Work", 22, "My book", "menu_book", "book", "customers.view_company"),
        ("shares", "Watch", 60, "Shared links", "share",
         "admin:snapshots_snapshotshare_changelist", "snapshots.view_snapshotshare"),
    ):  # fmt: skip
        link = partial(str, reverse_lazy(page))
        entries.register(f"snapshots.{key}", Entry(group, order, title, icon, link, permission))

"""What customers bring to the rooms below."""

from functools import partial

from django.urls import reverse_lazy

from csplatform.accounts.hooks import activity_hooks
from csplatform.adminkit.home import FirstStep, HomeCard, first_steps, home_cards
from csplatform.adminkit.navigation import Entry, entries
from csplatform.customers import bench, gauges
from csplatform.customers.figures import customer_figures, event_figures
from csplatform.customers.hooks import erase_hooks
from csplatform.customers.models import Company, Event, Source
from csplatform.customers.operations.erase_traces import forget_traces
from csplatform.customers.operations.events import forget_messages
from csplatform.customers.operations.owners import tell_of_user
from csplatform.kit.clock import now
from csplatform.kit.jobs import Periodic, periodic
from csplatform.kit.partitions import (
    PartitionedTable,
    drop_partitions,
    ensure_partitions,
    partitioned_tables,
)

# key, group, order, title, icon
PAGES = (
    ("company", "Customers", 10, "Companies", "apartment"),
    ("person", "Customers", 20, "People", "group"),
    ("event", "Customers", 40, "Events", "bolt"),
    ("attributedefinition", "Settings", 10, "Attributes", "tune"),
    ("eventname", "Settings", 20, "Event names", "label"),
    ("source", "Settings", 30, "Sources", "sensors"),
)


def register() -> None:
    """Partitions, sidebar entries, home cards, first steps."""
    events = PartitionedTable("customers_event", "EVENTS_KEEP_MONTHS")
    partitioned_tables.register(events.name, events)
    bench.register()
    periodic.register("customers.messages", Periodic("customers.messages", 86_400, forget_messages))
    gauges.register()
    erase_hooks.register("customers.traces", forget_traces)
    activity_hooks.register("customers", tell_of_user)
    periodic.register(
        "kit.partitions",
        Periodic("kit.partitions", 43200, _partitions),
    )
    for key, group, order, title, icon in PAGES:
        link = reverse_lazy(f"admin:customers_{key}_changelist")
        permission = f"customers.view_{key}"
        entries.register(
            f"customers.{key}",
            Entry(group, order, title, icon, partial(str, link), permission),
        )
    home_cards.register(
        "customers",
        HomeCard(
            "customers", "Customers", 40, customer_figures, "apartment", "customers.view_company"
        ),
    )
    home_cards.register(
        "events", HomeCard("events", "Events", 50, event_figures, "bolt", "customers.view_event")
    )
    _register_first_steps()


def _partitions() -> None:
    """Those of the months to come, and away with those that nobody keeps."""
    ensure_partitions(now())
    drop_partitions(now())


def _register_first_steps() -> None:
    first_steps.register(
        "customers.source",
        FirstStep(
            "customers.source",
            10,
            "Connect your product",
            "Make a source and put its two lines on your pages.",
            lambda: reverse_lazy("admin:customers_source_add"),
            Source.objects.exists,
            "customers.add_source",
        ),
    )
    first_steps.register(
        "customers.company",
        FirstStep(
            "customers.company",
            20,
            "Bring in a customer",
            "Add a company and its people by hand, or send them over the API.",
            lambda: reverse_lazy("admin:customers_company_add"),
            Company.objects.exists,
            "customers.add_company",
        ),
    )
    first_steps.register(
        "customers.event",
        FirstStep(
            "customers.event",
            30,
            "See the first event",
            "Open a page that carries the tracker; the event stands in the list a second later.",
            lambda: reverse_lazy("admin:customers_event_changelist"),
            Event.objects.exists,
            "customers.view_event",
        ),
    )

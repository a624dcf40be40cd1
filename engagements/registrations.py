"""What engagements bring to the rooms below."""

from pathlib import Path

from django.urls import reverse_lazy

from csplatform.adminkit.navigation import Entry, entries
from csplatform.ascode.registrations import register_kind
from csplatform.customers.hooks import erase_hooks, merge_hooks
from csplatform.kit.jobs import Periodic, periodic
from csplatform.snapshots.panels import Panel, panels
from engagements.demosite import tenant
from engagements.inapp import blocks, erasing, merging, steps
from engagements.inapp import panels as own_panels
from engagements.inapp.ascode import EngagementExport
from engagements.inapp.deciding import decide
from engagements.inapp.kind import engagement_kinds
from engagements.inapp.kinds.dialog import Dialog
from engagements.inapp.parts import invitations_became
from engagements.inapp.showings import Showings
from engagements.inapp.troubles import find_troubles
from engagements.tracker import bench, rejected, visitors
from engagements.tracker import erasing as tracker_erasing
from engagements.tracker.contract import deciders, item_kinds
from engagements.tracker.events import Page, Track
from journeys.flow.gallery import gallery_folders
from journeys.snapshot.attention import trouble_finders
from journeys.snapshot.parts import part_tellers
from journeys.steps.options import option_providers, reference_names, reference_pages
from journeys.steps.registry import step_kinds


def register() -> None:
    """Called once at start."""
    for item in (Page(), Track(), Showings()):
        item_kinds.register(item.key, item)
    deciders.register("engagements", decide)
    bench.register()
    blocks.register_blocks()
    for kind in (Dialog(),):
        engagement_kinds.register(kind.key, kind)
    step = steps.TriggerEngagement()
    step_kinds.register(step.key, step)
    option_providers.register("engagements", steps.options)
    reference_names.register("engagement", steps.names)
    reference_pages.register("engagement", "admin:engagements_engagement_change")
    trouble_finders.register("engagements", find_troubles)
    part_tellers.register("engagement", invitations_became)
    merge_hooks.register("engagements.visitors", visitors.follow_merge)
    merge_hooks.register("engagements.invitations", merging.follow_merge)
    erase_hooks.register("engagements.visitors", tracker_erasing.forget_visitors)
    erase_hooks.register("engagements.invitations", erasing.forget_invitations)
    periodic.register(
        "engagements.rejected", Periodic("engagements.rejected", 86400, rejected.purge)
    )
    tenant.register()
    register_kind(EngagementExport())
    gallery_folders.append(Path(__file__).parent / "inapp" / "gallery")
    _pages()


def _pages() -> None:
    """Sidebar entries, the panel of a person."""
    panels.register(
        "engagements.inside",
        Panel(
            "engagements.inside", "Inside the product", "person", 35,
            "engagements/panels/inside.html", own_panels.person_inside,
            permission="engagements.view_invitation",
        ),
    )  # fmt: skip
    entries.register(
        "engagements.engagements",
        Entry(
            "Build", 20, "Engagements", "web_asset",
            lambda: reverse_lazy("admin:engagements_engagement_changelist"),
            "engagements.view_engagement",
        ),
    )  # fmt: skip
    entries.register(
        "engagements.rejected",
        Entry(
            "Watch", 60, "Rejected events", "block",
            lambda: reverse_lazy("admin:engagements_rejectedevent_changelist"),
            "engagements.view_rejectedevent",
        ),
    )  # fmt: skip

"""Sidebar entries, tabs, panels and home cards of programs."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse, reverse_lazy

from csplatform.adminkit.navigation import Entry, entries, tab_sets
from journeys.admin import email_registrations
from journeys.steps import options

TABS = (
    ("Flow", "flow"),
    ("Snapshot", "snapshot"),
    ("Participants", "participants"),
    ("Versions", "versions"),
    ("Settings", "change"),
)
# Pages that belong to another tab.
WITHIN = {"enroll": "participants", "delete": "change", "history": "change"}


def register() -> None:
    """Called once at start by journeys.registrations."""
    options.register()
    email_registrations.register()
    entries.register(
        "journeys.programs",
        Entry("Build", 10, "Programs", "conversion_path",
              lambda: reverse_lazy("admin:journeys_program_changelist"), "journeys.view_program"),
    )  # fmt: skip
    entries.register(
        "journeys.participants",
        Entry("Watch", 20, "Participants", "groups",
              lambda: reverse_lazy("admin:journeys_participant_changelist"),
              "journeys.view_participant"),
    )  # fmt: skip
    tab_sets.register(
        "journeys.program",
        {
            "models": [{"name": "journeys.program", "detail": True}],
            "items": [_tab(title, page) for title, page in TABS],
        },
    )


def _tab(title: str, page: str) -> dict[str, Any]:
    def link(request: HttpRequest) -> str:
        found = request.resolver_match.kwargs.get("object_id") if request.resolver_match else None
        # Tabs are built for every admin page; elsewhere there is no program to lead to.
        return reverse(f"admin:journeys_program_{page}", args=[found]) if found else ""

    def active(request: HttpRequest) -> bool:
        match = request.resolver_match
        here = (match.url_name or "").removeprefix("journeys_program_") if match else ""
        return WITHIN.get(here, here) == page

    return {"title": title, "link": link, "active": active}

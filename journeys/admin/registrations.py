"""Sidebar entries, tabs, panels and home cards of programs."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse, reverse_lazy

from csplatform.adminkit.extensions import BulkAction, bulk_actions
from csplatform.adminkit.home import FirstStep, HomeCard, attention, first_steps, home_cards
from csplatform.adminkit.navigation import Entry, entries, tab_sets
from csplatform.snapshots.panels import Panel, panels
from csplatform.snapshots.timeline import TimelineSource, timeline_sources
from journeys.admin import email_registrations
from journeys.admin.enroll_page import enroll_action
from journeys.admin.folder import move_action
from journeys.models import Program
from journeys.snapshot import home
from journeys.snapshot import panels as shown
from journeys.snapshot.attention import needing_attention
from journeys.steps import options

TABS = (
    ("Flow", "flow"),
    ("Snapshot", "snapshot"),
    ("Participants", "participants"),
    ("Versions", "versions"),
    ("History", "life_history"),
    ("Settings", "change"),
)
# Pages that belong to another tab.
WITHIN = {
    "enroll": "participants",
    "refused": "participants",
    "newcomers": "flow",
    "lists": "flow",
    "control": "snapshot",
    "delete": "change",
    "history": "change",
}


def register() -> None:
    """Called once at start by journeys.registrations."""
    options.register()
    email_registrations.register()
    entries.register(
        "journeys.work",
        Entry("Work", 10, "Work list", "checklist", lambda: reverse_lazy("work"),
              "journeys.view_task"),
    )  # fmt: skip
    entries.register(
        "journeys.programs",
        Entry("Build", 10, "Programs", "conversion_path",
              lambda: reverse_lazy("admin:journeys_program_changelist"), "journeys.view_program"),
    )  # fmt: skip
    entries.register(
        "journeys.calendar",
        Entry("Build", 11, "Program calendar", "calendar_month",
              lambda: reverse_lazy("admin:journeys_program_calendar"), "journeys.view_program"),
    )  # fmt: skip
    entries.register(
        "journeys.hold_out",
        Entry("Build", 13, "Global hold-out", "experiment",
              lambda: reverse_lazy("admin:journeys_holdout_changelist"), "journeys.view_holdout"),
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
    _register_home()
    _register_folders()
    _register_snapshots()
    bulk_actions.register(
        "journeys.enroll",
        BulkAction(
            ("customers.person", "customers.company"), "enroll_in_program",
            "Enrol in a program…", "journeys.enroll_participant", enroll_action,
        ),
    )  # fmt: skip


def _register_folders() -> None:
    entries.register(
        "journeys.folders",
        Entry("Build", 12, "Folders", "folder",
              lambda: reverse_lazy("admin:journeys_folder_changelist"), "journeys.view_folder"),
    )  # fmt: skip
    bulk_actions.register(
        "journeys.move",
        BulkAction(
            ("journeys.program",), "move_to_folder", "Move to folder…", "journeys.change_program",
            move_action,
        ),
    )  # fmt: skip


def _register_home() -> None:
    home_cards.register(
        "journeys",
        HomeCard("journeys", "Programs", 10, home.program_figures, "conversion_path",
                 "journeys.view_program"),
    )  # fmt: skip
    attention.register("journeys.failed", home.failed_participants)
    attention.register("journeys.publishing", home.failed_publishings)
    attention.register("journeys.troubles", needing_attention)
    first_steps.register(
        "journeys.program",
        FirstStep(
            "journeys.program",
            50,
            "Publish your first program",
            "Draw a flow of mails, waits and decisions; it takes five minutes.",
            lambda: reverse_lazy("admin:journeys_program_add"),
            Program.objects.filter(published__isnull=False).exists,
            "journeys.add_program",
        ),
    )


def _register_snapshots() -> None:
    loaders = {"person": shown.person_programs, "company": shown.company_programs}
    for subject, load in loaders.items():
        key = f"journeys.{subject}_programs"
        template = "journeys/panels/programs.html"
        panels.register(
            key,
            Panel(key, "Programs", subject, 25, template, load,
                  permission="journeys.view_participant"),
        )  # fmt: skip
    timeline_sources.register(
        "programs",
        TimelineSource("programs", "Programs", "conversion_path", shown.person_timeline,
                       shown.company_timeline, "journeys.view_participant"),
    )  # fmt: skip


def _tab(title: str, page: str) -> dict[str, Any]:
    def link(request: HttpRequest) -> str:
        found = request.resolver_match.kwargs.get("object_id") if request.resolver_match else None
        # Tabs are built for every admin page; elsewhere there is no program to lead to.
        return reverse(f"admin:journeys_program_{page}", args=[found]) if found else ""

    def active(request: HttpRequest) -> bool:
        match = request.resolver_match
        here = (match.url_name or "").removeprefix("journeys_program_") if match else ""
        return WITHIN.get(here, here) == page

    def allowed(request: HttpRequest) -> bool:
        """Not while adding: there is no program yet to lead to."""
        return bool(request.resolver_match and "object_id" in request.resolver_match.kwargs)

    return {"title": title, "link": link, "active": active, "permission": allowed}

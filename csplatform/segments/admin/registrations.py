"""Sidebar entry, tabs and the bulk action of segments."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse, reverse_lazy

from csplatform.adminkit.extensions import BulkAction, bulk_actions
from csplatform.adminkit.navigation import Entry, entries, tab_sets
from csplatform.segments.admin.bulk import add_to_list

TABS = (("Definition", "change"), ("Members", "members"), ("Changes", "changes"), ("Why", "why"))
WITHIN = {"delete": "change", "history": "change"}


def register() -> None:
    """Called once at start by segments.registrations."""
    entries.register(
        "segments",
        Entry("Customers", 30, "Segments", "group_work",
              lambda: reverse_lazy("admin:segments_segment_changelist"), "segments.view_segment"),
    )  # fmt: skip
    tab_sets.register(
        "segments.segment",
        {
            "models": [{"name": "segments.segment", "detail": True}],
            "items": [_tab(title, page) for title, page in TABS],
        },
    )
    bulk_actions.register(
        "segments.add",
        BulkAction(
            ("customers.person", "customers.company"), "add_to_list", "Add to a static list",
            "segments.change_segment", add_to_list,
        ),
    )  # fmt: skip


def _tab(title: str, page: str) -> dict[str, Any]:
    def link(request: HttpRequest) -> str:
        found = request.resolver_match.kwargs.get("object_id") if request.resolver_match else None
        return reverse(f"admin:segments_segment_{page}", args=[found]) if found else ""

    def active(request: HttpRequest) -> bool:
        match = request.resolver_match
        here = (match.url_name or "").removeprefix("segments_segment_") if match else ""
        return WITHIN.get(here, here) == page

    def allowed(request: HttpRequest) -> bool:
        """Not while adding: there is no segment yet to lead to."""
        return bool(request.resolver_match and "object_id" in request.resolver_match.kwargs)

    return {"title": title, "link": link, "active": active, "permission": allowed}

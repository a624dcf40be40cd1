"""The sidebar and the tabs of object pages; each room registers its own entries."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from csplatform.kit.registry import Registry


@dataclass(frozen=True)
class Entry:
    """One link of the sidebar.

    Attributes:
        group: heading it stands under: "Work", "Build", "Customers", "Watch", "Settings".
        order: place within the group.
        permission: code that a user needs to see it; "" for everybody.
        link: gives the URL (lazily, URLs are not loaded yet at registration).
    """

    group: str
    order: int
    title: str
    icon: str
    link: Callable[[], Any]
    permission: str = ""


GROUPS = ("Work", "Build", "Customers", "Watch", "Settings")
entries: Registry[Entry] = Registry(
    "sidebar entry", lambda e: "" if e.group in GROUPS else f"unknown group {e.group!r}"
)
# Tab sets in django-unfold's own form: {"models": [...], "items": [...]}.
tab_sets: Registry[dict[str, Any]] = Registry("tab set")


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The sidebar of a user: only what may be opened."""
    groups = []
    here = _nearest(request.path)
    for group in GROUPS:
        items = [
            {
                "title": e.title,
                "icon": e.icon,
                "link": (link := str(e.link())),
                "active": link == here,
            }
            for e in sorted(entries, key=lambda e: e.order)
            if e.group == group and (not e.permission or request.user.has_perm(e.permission))
        ]
        if items:
            groups.append({"title": group, "separator": True, "items": items})
    return groups


def _nearest(path: str) -> str:
    """The link that is lit on a page: the nearest of those above its address."""
    links = [str(entry.link()) for entry in entries]
    above = [link for link in links if path.startswith(link.partition("?")[0])]
    return max(above, key=len, default="")

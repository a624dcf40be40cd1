"""Bulk actions and links that rooms above add to the pages of rooms below."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from csplatform.kit.registry import Registry


@dataclass(frozen=True)
class BulkAction:
    """One more action of a list.

    Attributes:
        models: labels of the models whose lists get it, e.g. "customers.person".
        permission: code that a user needs to see it.
        run: (model admin, request, chosen rows) -> None to show the list again, or a page.
    """

    models: tuple[str, ...]
    name: str
    label: str
    permission: str
    run: Callable[[Any, HttpRequest, QuerySet[Any]], HttpResponse | None]


bulk_actions: Registry[BulkAction] = Registry("bulk action")


@dataclass(frozen=True)
class DetailLink:
    """One more link above an object's form; whoever may see the object may follow it.

    Attributes:
        models: labels of the models whose objects get it; url: gives the address for an object.
    """

    models: tuple[str, ...]
    label: str
    icon: str
    url: Callable[[str, str], str]


detail_links: Registry[DetailLink] = Registry("detail link")


def links_for(label: str, object_id: str) -> list[dict[str, Any]]:
    """What the registry adds above an object's form, as the theme draws it."""
    return [
        {"title": link.label, "icon": link.icon, "path": link.url(label, object_id)}
        for link in detail_links
        if label in link.models
    ]


def actions_for(label: str, request: HttpRequest) -> dict[str, tuple[Any, str, str]]:
    """What the registry adds to a model's list for this user, in Django's form."""
    user: Any = request.user
    return {
        action.name: (action.run, action.name, action.label)
        for action in bulk_actions
        if label in action.models and user.has_perm(action.permission)
    }

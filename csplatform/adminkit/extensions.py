"""Bulk actions that rooms above add to the lists of rooms below."""

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


def actions_for(label: str, request: HttpRequest) -> dict[str, tuple[Any, str, str]]:
    """What the registry adds to a model's list for this user, in Django's form."""
    user: Any = request.user
    return {
        action.name: (action.run, action.name, action.label)
        for action in bulk_actions
        if label in action.models and user.has_perm(action.permission)
    }

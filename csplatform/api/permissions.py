"""Permissions of REST doors: the user's role, narrowed by the key's scopes."""

from typing import Any

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from csplatform.accounts.models import ApiKey

# Actions that reach customers need a scope of their own.
PUBLISHING = ("publish_", "launch_")


def scope_of(permission: str) -> str:
    """The scope that a key needs for a permission such as "journeys.publish_program"."""
    name = permission.partition(".")[2]
    if name.startswith("view_"):
        return "read"
    return "publish" if name.startswith(PUBLISHING) else "write"


class RolePermission(BasePermission):
    """The action's permission must be held by the user and covered by the key's scopes."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """False without the permission; a key without the scope is told which one it lacks."""
        if not request.user or not request.user.is_authenticated:
            return False
        if view.action in (None, "metadata"):
            return True  # there is no such method here: the answer will be 405
        needed = view.permission_needed()
        if not needed or not request.user.has_perm(needed):
            raise PermissionDenied("Your role does not allow this.", code="permission_denied")
        scope = scope_of(needed)
        if isinstance(request.auth, ApiKey) and scope not in request.auth.scopes:
            raise PermissionDenied(f"This API key lacks the scope “{scope}”.", code="scope")
        return True

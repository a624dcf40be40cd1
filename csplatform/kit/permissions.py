"""The permission check at the head of every operation."""

from typing import Any

from csplatform.kit.errors import NotAllowed


def require(actor: Any, permission: str) -> None:
    """Refuse when a staff user lacks a permission; None is the system itself and may do all.

    Raises NotAllowed with the permission's code.
    """
    if actor is not None and not actor.has_perm(permission):
        raise NotAllowed("Your role does not allow this.", code=permission)

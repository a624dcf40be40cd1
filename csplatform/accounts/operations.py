"""Writes to staff data: API keys, and the promise that somebody can always get in."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from csplatform.accounts.models import ApiKey, Role, User
from csplatform.kit import audit, sql
from csplatform.kit.clock import now
from csplatform.kit.errors import Conflict, DomainError

ADMIN_LOCK = 7_215_020


def create_api_key(
    name: str, *, scopes: Sequence[str], user: User, actor: Any
) -> tuple[ApiKey, str]:
    """A new key and its text, which is stored nowhere and can be shown this once.

    Raises DomainError for unknown scopes or a user who is not active.
    """
    known = {scope for scope, _ in ApiKey.SCOPES}
    if not scopes or set(scopes) - known:
        raise DomainError("Choose what the key may do.", path="/scopes", code="invalid")
    if not user.is_active:
        raise DomainError("This user is not active.", path="/user", code="inactive")
    text, prefix, digest = ApiKey.generate()
    with transaction.atomic():
        key = ApiKey.objects.create(
            name=name, scopes=sorted(set(scopes)), user=user, prefix=prefix, digest=digest
        )
        after = {"scopes": key.scopes, "user": user.pk}
        audit.record(actor, "apikey.add", key, after=after)
    return key, text


def revoke_api_key(key: ApiKey, *, actor: Any) -> bool:
    """End a key at once; False when it was revoked already."""
    with transaction.atomic():
        changed = ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now())
        if changed:
            audit.record(actor, "apikey.revoke", key)
    return bool(changed)


def keep_an_admin() -> None:
    """Call after changing users, in the same transaction.

    Raises Conflict when nobody would be left who may manage staff.
    """
    # Two admins who demote each other at the same moment take turns, and the second one fails.
    sql.run("SELECT pg_advisory_xact_lock(%s)", [ADMIN_LOCK])
    admins = User.objects.filter(is_active=True, is_staff=True)
    if not (admins.filter(role=Role.ADMIN) | admins.filter(is_superuser=True)).exists():
        raise Conflict(
            "Nobody would be left who may manage staff. Make somebody else an admin first.",
            path="/role",
            code="last_admin",
        )

"""Read-only links to a company's snapshot: make, find, revoke."""

from collections.abc import Collection
from datetime import timedelta
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any

from django.db import transaction
from django.db.models import Q

from csplatform.customers.models import Company
from csplatform.kit import audit
from csplatform.kit.clock import database_now
from csplatform.kit.errors import DomainError
from csplatform.kit.permissions import require
from csplatform.kit.tokens import BadToken, make_token, read_token
from csplatform.snapshots.models import SnapshotShare

PURPOSE = "snapshot-share"
LIVES = (7, 30, 90)
# How exact "opened last" is; a page that is reloaded writes nothing.
SEEN_EVERY = timedelta(minutes=1)


def make_share(company_id: int, days: int, *, actor: Any) -> tuple[SnapshotShare, str]:
    """A link to a company's page; the token is in nobody's hands but the caller's.

    Args:
        days: one of LIVES.

    Raises NotAllowed, DomainError.
    """
    require(actor, "snapshots.add_snapshotshare")
    if days not in LIVES:
        told = ", ".join(map(str, LIVES))
        raise DomainError(f"Choose how many days it lives: {told}.", path="/days", code="unknown")
    token = make_token(PURPOSE, token_urlsafe(16))
    with transaction.atomic():
        company = Company.objects.select_for_update(of=("self",)).filter(
            pk=company_id, merged_into=None
        ).first()  # fmt: skip
        if company is None:
            raise DomainError("There is no such company.", path="/company", code="unknown")
        moment = database_now()
        share = SnapshotShare.objects.create(
            company=company, digest=_digest(token), made_by=actor, made_at=moment,
            expires_at=moment + timedelta(days=days),
        )  # fmt: skip
        audit.record(actor, "snapshot.share", company, after={"share": share.pk, "days": days})
    return share, token


def revoke_shares(ids: Collection[int], *, actor: Any) -> int:
    """End links at once; how many were open. Those that were revoked before stay as they are."""
    require(actor, "snapshots.change_snapshotshare")
    with transaction.atomic():
        found = list(
            SnapshotShare.objects.select_for_update(of=("self",))
            .select_related("company")
            .filter(pk__in=ids, revoked_at=None)
            .order_by("pk")
        )
        SnapshotShare.objects.filter(pk__in=[share.pk for share in found]).update(
            revoked_at=database_now()
        )
        for share in found:
            audit.record(actor, "snapshot.unshare", share.company, before={"share": share.pk})
    return len(found)


def open_share(token: str) -> SnapshotShare | None:
    """The link of a token, noted as opened; None when forged, expired or revoked."""
    try:
        read_token(PURPOSE, token)
    except BadToken:
        return None
    moment = database_now()
    found = SnapshotShare.objects.alive(moment).select_related("company__csm", "company__activity")
    share = found.filter(digest=_digest(token)).first()
    if share:
        late = Q(last_seen_at=None) | Q(last_seen_at__lt=moment - SEEN_EVERY)
        SnapshotShare.objects.filter(late, pk=share.pk).update(last_seen_at=moment)
    return share


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()

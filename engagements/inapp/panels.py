"""Engagements on other rooms' pages: a panel of the person snapshot."""

from datetime import datetime
from typing import Any

from django.db.models import F
from django.db.models.functions import Coalesce

from csplatform.kit import sql
from engagements.inapp.models import Invitation

SHOWN = 6


def person_inside(person_id: int, user: Any, now: datetime) -> dict[str, Any] | None:
    """What a person met inside the product; hidden for somebody who was never there."""
    rows = Invitation.objects.filter(person_id=person_id).select_related("engagement")
    since = Coalesce("completed_at", "dismissed_at", "viewed_at", "closed_at", F("created_at"))
    invitations = list(rows.annotate(since=since).order_by("-id")[:SHOWN])
    browsers, last_seen = sql.rows(
        "SELECT count(*), max(last_seen_at) FROM engagements_visitor WHERE person_id = %s",
        [person_id],
    )[0]
    if not invitations and not browsers:
        return None
    return {"invitations": invitations, "browsers": browsers, "last_seen": last_seen}

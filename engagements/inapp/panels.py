"""Engagements on other rooms' pages: a panel of the person snapshot, a line on the home page."""

from datetime import datetime
from typing import Any

from django.db.models import F
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse

from csplatform.adminkit.home import Figure
from csplatform.kit import sql
from csplatform.kit.clock import database_now
from engagements.inapp.active import ACTIVE_SQL
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


def inactive_in_use(request: HttpRequest) -> Figure | None:
    """Active programs whose engagement cannot be shown: everybody who reaches the step fails."""
    count = sql.one(
        "SELECT count(DISTINCT k.program_id) FROM engagements_programlink k"
        " JOIN engagements_engagement e ON e.id = k.engagement_id"
        " JOIN journeys_program p ON p.id = k.program_id AND p.state = 'active'"
        " WHERE k.disconnected_at IS NULL AND k.version_id = p.published_id"
        f" AND NOT ({ACTIVE_SQL})",
        {"now": database_now()},
    )
    if not count:
        return None
    return Figure(
        "Programs with an engagement that is not active",
        count,
        f"{reverse('admin:engagements_engagement_changelist')}?state__exact=paused",
        "warn",
        "their participants go on with “engagement failed”",
    )

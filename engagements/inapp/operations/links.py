"""Tying engagements to the steps of published programs, and untying them (PRG-41, PRG-43)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from csplatform.kit import sql
from csplatform.kit.errors import Conflict
from engagements.inapp.active import why_not
from engagements.inapp.models import Engagement, ProgramLink


@dataclass(frozen=True)
class StepPlace:
    """A step of a published version."""

    program_id: int
    version_id: int
    step_id: int
    step_key: str
    step_name: str = ""


def connect(engagement_id: int, place: StepPlace, *, now: datetime) -> ProgramLink:
    """Associate a step with its engagement, in the publishing transaction.

    Locks the engagement, so that it cannot be paused between the check and the commit. Raises
    Conflict when it cannot be used now, or when the step is tied to another one.
    """
    with transaction.atomic():
        engagement = (
            Engagement.objects.select_for_update(no_key=True).filter(pk=engagement_id).first()
        )
        if engagement is None:
            raise Conflict("The engagement no longer exists; choose another.", code="gone")
        if reason := why_not(engagement, now):
            raise Conflict(reason, code="not_active")
        link, _ = ProgramLink.objects.get_or_create(
            version_id=place.version_id,
            step_key=place.step_key,
            disconnected_at=None,
            defaults={
                "engagement": engagement, "program_id": place.program_id,
                "step_name": place.step_name[:200], "connected_at": now,
            },
        )  # fmt: skip
        if link.engagement_id != engagement_id:
            raise Conflict("The step is tied to another engagement: untie it first.", code="tied")
    return link


def disconnect(engagement_id: int, place: StepPlace, *, now: datetime) -> None:
    """Untie a step: open invitations of it are withdrawn, whoever reaches it fails. Idempotent."""
    with transaction.atomic():
        ProgramLink.objects.filter(
            version_id=place.version_id,
            step_key=place.step_key,
            engagement_id=engagement_id,
            disconnected_at=None,
        ).update(disconnected_at=now)
        sql.run(
            "UPDATE engagements_invitation SET state = 'withdrawn', closed_at = %s, reason = %s"
            " WHERE program_id = %s AND step_key = %s AND state = 'open' AND step_id = %s"
            " AND engagement_id = %s",
            [
                now, "The program no longer uses this engagement.", place.program_id,
                place.step_key, place.step_id, engagement_id,
            ],
        )  # fmt: skip


@dataclass(frozen=True)
class Connection:
    """How a step is tied now.

    Attributes:
        since: when its live link began; None when there is none.
        replaced: whether another link of this step ended before (the engagement was changed).
    """

    since: datetime | None
    replaced: bool


def connection(engagement_id: int, version_id: int, step_key: str) -> Connection:
    """The present tie of a step. One query."""
    links: Sequence[ProgramLink] = list(
        ProgramLink.objects.filter(version_id=version_id, step_key=step_key).order_by("pk")
    )
    live = [k for k in links if k.disconnected_at is None and k.engagement_id == engagement_id]
    since = live[0].connected_at if live else None
    return Connection(since, any(link.disconnected_at is not None for link in links))

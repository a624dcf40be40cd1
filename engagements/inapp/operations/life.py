"""Launching, pausing and ending engagements (ENG-03)."""

from datetime import datetime
from typing import Any

from django.db import transaction

from csplatform.kit import audit
from csplatform.kit.clock import database_now
from csplatform.kit.errors import Conflict, DomainError, Problem
from csplatform.kit.permissions import require
from engagements.inapp.content import content_problems, parse_content
from engagements.inapp.models import (
    Engagement,
    EngagementRelease,
    EngagementState,
    EngagementStateChange,
)
from engagements.inapp.operations.drafts import lock

PERMISSION = "engagements.launch_engagement"
PAUSABLE = (EngagementState.LAUNCHED,)
ENDABLE = (EngagementState.LAUNCHED, EngagementState.PAUSED)


def launch_problems(engagement: Engagement) -> list[Problem]:
    """What stands against launching the draft; warnings included."""
    try:
        problems = content_problems(parse_content(engagement.kind, engagement.draft))
    except DomainError as error:
        problems = list(error.problems)
    if engagement.triggered_by != "program":
        text = "An audience of its own cannot be set yet: let it be triggered by a program."
        problems.append(Problem("/triggered_by", text, "audience"))
    return problems


def launch_engagement(engagement_id: int, *, actor: Any) -> Engagement:
    """Make the draft what people see: the first launch, a relaunch, or the end of a pause.

    Open invitations are shown with the new content from then on. Raises DomainError with what is
    wrong, NotAllowed.
    """
    require(actor, PERMISSION)
    with transaction.atomic():
        engagement = lock(engagement_id)
        now = database_now()
        problems = [p for p in launch_problems(engagement) if p.level == "error"]
        if engagement.ends_at is not None and engagement.ends_at <= now:
            problems.append(Problem("/ends_at", "The end lies in the past: move it.", "schedule"))
        if problems:
            raise DomainError(problems)
        if engagement.content != engagement.draft:
            _release(engagement, actor, now)
        engagement.launched_at = now
        _move(engagement, EngagementState.LAUNCHED, actor, now, "")
    return engagement


def _release(engagement: Engagement, actor: Any, now: datetime) -> None:
    engagement.content = engagement.draft
    engagement.release += 1
    EngagementRelease.objects.create(
        engagement=engagement, number=engagement.release, content=engagement.content, at=now,
        by=actor,
    )  # fmt: skip


def pause_engagement(engagement_id: int, *, actor: Any, reason: str = "") -> Engagement:
    """Nobody sees it and nobody is invited until it is launched again; programs that use it show
    an error, and participants that reach it go on with "engagement failed"."""
    return _leave(engagement_id, PAUSABLE, EngagementState.PAUSED, actor, reason)


def end_engagement(engagement_id: int, *, actor: Any, reason: str = "") -> Engagement:
    """As paused, for good: it can be launched again, but nothing suggests it."""
    return _leave(engagement_id, ENDABLE, EngagementState.ENDED, actor, reason)


def _leave(
    engagement_id: int,
    allowed: tuple[EngagementState, ...],
    new: EngagementState,
    actor: Any,
    reason: str,
) -> Engagement:
    require(actor, PERMISSION)
    with transaction.atomic():
        engagement = lock(engagement_id)
        if engagement.state not in allowed:
            state = engagement.get_state_display().lower()
            raise Conflict(f"It is {state}, so it cannot be {new.label.lower()}.", code="state")
        _move(engagement, new, actor, database_now(), reason)
    return engagement


def _move(
    engagement: Engagement, new: EngagementState, actor: Any, now: datetime, reason: str
) -> None:
    """Write the state, its history and the audit entry."""
    old = engagement.state
    engagement.state = new
    engagement.save()
    EngagementStateChange.objects.create(
        engagement=engagement, old=old, new=new, release=engagement.release, reason=reason, at=now,
        by=actor,
    )  # fmt: skip
    audit.record(
        actor, f"engagement.{_VERBS[new]}", engagement,
        before={"state": old}, after={"state": new, "release": engagement.release},
    )  # fmt: skip


_VERBS = {"launched": "launch", "paused": "pause", "ended": "end"}

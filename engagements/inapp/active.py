"""When an engagement may be shown, and why not: one answer for checks, steps and decisions."""

from datetime import datetime
from typing import Protocol


class Scheduled(Protocol):
    """What is asked about an engagement."""

    name: str
    state: str
    triggered_by: str
    starts_at: datetime | None
    ends_at: datetime | None


# The same question as `why_not`, for statements whose engagement is called e.
ACTIVE_SQL = (
    "e.state = 'launched' AND (e.starts_at IS NULL OR e.starts_at <= %(now)s)"
    " AND (e.ends_at IS NULL OR e.ends_at > %(now)s)"
)


def why_not(engagement: Scheduled, now: datetime) -> str:
    """Why it cannot be chosen in a program, as a sentence that says what to do; "" if it can."""
    name = f"“{engagement.name}”"
    if engagement.triggered_by != "program":
        return f"{name} is not triggered by programs any more: change that, or choose another."
    if reason := _STATES.get(engagement.state):
        return f"{name} {reason}, or choose another."
    if engagement.ends_at is not None and engagement.ends_at <= now:
        return f"The schedule of {name} is over: give it a later end, or choose another."
    if engagement.starts_at is not None and engagement.starts_at > now:
        begin = f"{engagement.starts_at:%-d %B %Y %H:%M} UTC"
        return f"The schedule of {name} begins on {begin}: let it begin earlier, or publish then."
    return ""


_STATES = {
    "draft": "is still a draft: launch it",
    "paused": "is paused: launch it again",
    "ended": "has ended: launch it again",
}


def why_failed(engagement: Scheduled, now: datetime) -> str:
    """Why a participant cannot be invited now; "" if it can. A schedule that has not begun yet
    fails nobody: only the showing waits."""
    if engagement.state != "launched":
        return f"The engagement is {engagement.state}."
    if engagement.ends_at is not None and engagement.ends_at <= now:
        return "The engagement's schedule is over."
    return ""

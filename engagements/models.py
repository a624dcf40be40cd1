"""All models of the app, from its rooms."""

from engagements.inapp.models import (
    Engagement,
    EngagementRelease,
    EngagementState,
    EngagementStateChange,
    Invitation,
    InvitationState,
    ProgramLink,
    Showing,
    TriggeredBy,
)
from engagements.tracker.models import Consent, RejectedEvent, Visitor

__all__ = [
    "Consent",
    "Engagement",
    "EngagementRelease",
    "EngagementState",
    "EngagementStateChange",
    "Invitation",
    "InvitationState",
    "ProgramLink",
    "RejectedEvent",
    "Showing",
    "TriggeredBy",
    "Visitor",
]

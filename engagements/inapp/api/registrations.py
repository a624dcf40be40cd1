"""The room's addresses under /api/v1/."""

from csplatform.api.routes import Route, routes
from engagements.inapp.api.engagements import EngagementViewSet, InvitationViewSet


def register() -> None:
    """Called once at start."""
    routes.register("engagements", Route("engagements", EngagementViewSet))
    routes.register("invitations", Route("invitations", InvitationViewSet))

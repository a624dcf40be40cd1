"""The room's addresses under /api/v1/."""

from csplatform.api.routes import Route, routes
from csplatform.segments.api.members import MemberViewSet
from csplatform.segments.api.segments import SegmentViewSet


def register() -> None:
    """Called once at start."""
    routes.register("segments", Route("segments", SegmentViewSet))
    routes.register(
        "segment_members", Route("segments/(?P<segment_id>[0-9]{1,19})/members", MemberViewSet)
    )

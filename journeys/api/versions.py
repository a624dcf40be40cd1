"""Published versions over HTTP."""

from csplatform.api.viewsets import ReadViewSet
from journeys.api.program_shapes import VersionSerializer
from journeys.filters import VersionFilter
from journeys.models import ProgramVersion


class VersionViewSet(ReadViewSet):
    """Published flows; they never change."""

    queryset = ProgramVersion.objects.all()
    serializer_class = VersionSerializer
    filterset_class = VersionFilter
    permissions = {
        "list": "journeys.view_programversion",
        "retrieve": "journeys.view_programversion",
    }

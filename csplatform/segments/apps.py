"""App entry."""

from django.apps import AppConfig


class SegmentsConfig(AppConfig):
    """Segments."""

    name = "csplatform.segments"
    label = "segments"

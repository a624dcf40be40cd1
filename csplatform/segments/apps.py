"""App entry."""

from django.apps import AppConfig


class SegmentsConfig(AppConfig):
    """Registers the consumer of changes, the recompute, and the test “in segment”."""

    name = "csplatform.segments"
    label = "segments"
    verbose_name = "Segments"

    def ready(self) -> None:
        """Hook up what lower rooms left open."""
        from csplatform.segments import registrations
        from csplatform.segments.api import registrations as api_registrations

        registrations.register()
        api_registrations.register()

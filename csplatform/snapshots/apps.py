"""App entry."""

from django.apps import AppConfig


class SnapshotsConfig(AppConfig):
    """Registers the panels and timeline sources of customers."""

    name = "csplatform.snapshots"
    label = "snapshots"
    verbose_name = "Snapshot pages"

    def ready(self) -> None:
        """Hook up what lower rooms left open."""
        from csplatform.snapshots import registrations

        registrations.register()

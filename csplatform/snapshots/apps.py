"""App entry."""

from django.apps import AppConfig


class SnapshotsConfig(AppConfig):
    """Snapshot pages."""

    name = "csplatform.snapshots"
    label = "snapshots"

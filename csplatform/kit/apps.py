"""App entry, so that kit's management commands are found."""

from django.apps import AppConfig


class KitConfig(AppConfig):
    """No models; brings the commands `worker`, `scheduler` and `prepare`, and the shared blocks."""

    name = "csplatform.kit"
    label = "kit"

    def ready(self) -> None:
        """Register the blocks that mails and dialogs share, and the system checks."""
        from csplatform.kit import blocks, checks  # noqa: F401 - checks register themselves

        blocks.register_blocks()

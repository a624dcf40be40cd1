"""App entry, so that kit's management commands are found."""

from django.apps import AppConfig


class KitConfig(AppConfig):
    """No models; brings the commands `worker`, `scheduler` and `prepare`, and the shared blocks."""

    name = "csplatform.kit"
    label = "kit"

    def ready(self) -> None:
        """Register the blocks that mails and dialogs share, the system checks, the figures."""
        from csplatform.kit import blocks, checks, figures  # noqa: F401 - checks do it themselves

        blocks.register_blocks()
        figures.register()

"""App entry."""

from django.apps import AppConfig


class ImportsConfig(AppConfig):
    """Registers the kinds of rows that customers have."""

    name = "csplatform.imports"
    label = "imports"
    verbose_name = "Imports"

    def ready(self) -> None:
        """Hook up what lower rooms left open."""
        from csplatform.imports import registrations

        registrations.register()

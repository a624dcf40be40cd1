"""App entry."""

from django.apps import AppConfig


class AscodeConfig(AppConfig):
    """Registers the import page and the resource of the API."""

    name = "csplatform.ascode"
    label = "ascode"
    verbose_name = "Configuration as code"

    def ready(self) -> None:
        """Hook up what lower rooms left open."""
        from csplatform.ascode import registrations

        registrations.register()

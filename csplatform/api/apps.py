"""App entry."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """Remembers answers to repeated requests; brings the audit trail's address."""

    name = "csplatform.api"
    label = "api"
    verbose_name = "REST API"

    def ready(self) -> None:
        """Hook up what lower rooms left open."""
        from csplatform.api import registrations

        registrations.register()

"""App entry."""

from django.apps import AppConfig


class JourneysConfig(AppConfig):
    """Registers step kinds, lane work, panels and sidebar entries."""

    name = "journeys"
    verbose_name = "Programs"

    def ready(self) -> None:
        """Hook up what lower rooms left open."""
        from journeys import registrations
        from journeys.api import registrations as api_registrations

        registrations.register()
        api_registrations.register()

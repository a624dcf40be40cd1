"""App entry."""

from django.apps import AppConfig


class EngagementsConfig(AppConfig):
    """Registers the step kind, what the tracker understands, and sidebar entries."""

    name = "engagements"
    verbose_name = "Engagements"

    def ready(self) -> None:
        """Hook up what lower rooms left open."""
        from engagements import registrations
        from engagements.inapp.api import registrations as api_registrations

        registrations.register()
        api_registrations.register()

"""App entry."""

from django.apps import AppConfig


class HealthConfig(AppConfig):
    """Registers measures, the rule kind, panels and the work."""

    name = "csplatform.health"
    label = "health"
    verbose_name = "Health"

    def ready(self) -> None:
        """Hook up what lower rooms left open."""
        from csplatform.health import registrations

        registrations.register()

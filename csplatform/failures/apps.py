"""App entry."""

from django.apps import AppConfig


class FailuresConfig(AppConfig):
    """Keeps what kit.failing tells, and shows it."""

    name = "csplatform.failures"
    label = "failures"
    verbose_name = "Failures"

    def ready(self) -> None:
        """Hook up what lower rooms left open."""
        from csplatform.failures import registrations

        registrations.register()

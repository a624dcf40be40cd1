"""App entry."""

from django.apps import AppConfig


class FreshnessConfig(AppConfig):
    """Registers the loop as work of the live lane."""

    name = "csplatform.freshness"
    label = "freshness"

    def ready(self) -> None:
        """Hook the loop into the live lane."""
        from csplatform.freshness import registrations

        registrations.register()

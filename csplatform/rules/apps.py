"""App entry."""

from django.apps import AppConfig


class RulesConfig(AppConfig):
    """Registers the kinds of tests that need nothing but customers."""

    name = "csplatform.rules"
    label = "rules"
    verbose_name = "Rules"

    def ready(self) -> None:
        """Fill the registry."""
        from csplatform.rules import registrations

        registrations.register()

"""App entry."""

from django.apps import AppConfig


class UsageConfig(AppConfig):
    """The usage tree."""

    name = "csplatform.usage"
    label = "usage"
    verbose_name = "Usage"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register what the room brings."""
        from csplatform.usage import registrations

        registrations.register()

"""App entry."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    """The demo tenant."""

    name = "csplatform.demo"
    label = "demo"

    def ready(self) -> None:
        """Register the kernel's parts."""
        from csplatform.demo import registrations

        registrations.register()

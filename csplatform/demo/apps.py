"""App entry."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    """The demo tenant."""

    name = "csplatform.demo"
    label = "demo"

"""App entry."""

from django.apps import AppConfig


class CommunityConfig(AppConfig):
    """Holds the app's label; there is nothing to register yet."""

    name = "community"
    verbose_name = "Community"

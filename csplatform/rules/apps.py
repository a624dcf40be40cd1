"""App entry."""

from django.apps import AppConfig


class RulesConfig(AppConfig):
    """The rule language."""

    name = "csplatform.rules"
    label = "rules"

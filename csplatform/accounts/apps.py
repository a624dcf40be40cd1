"""App entry."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Registers the audit sink, the roles' checks and the admin pages."""

    name = "csplatform.accounts"
    label = "accounts"
    verbose_name = "Staff"

    def ready(self) -> None:
        """Hook up what lower rooms left open."""
        from csplatform.accounts import registrations

        registrations.register()

"""App entry."""

from django.apps import AppConfig


class BillingConfig(AppConfig):
    """Subscriptions and invoices."""

    name = "csplatform.billing"
    label = "billing"
    verbose_name = "Billing"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register what the room brings."""
        from csplatform.billing import registrations

        registrations.register()

"""App entry."""

from django.apps import AppConfig


class CustomersConfig(AppConfig):
    """Registers tables that grow, admin pages and search."""

    name = "csplatform.customers"
    label = "customers"
    verbose_name = "Customers"

    def ready(self) -> None:
        """Hook up what lower rooms left open."""
        from csplatform.customers import registrations
        from csplatform.customers.api import registrations as api_registrations

        registrations.register()
        api_registrations.register()

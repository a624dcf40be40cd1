"""App entries: the shared parts, and Django's admin with our site as the default one."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class AdminkitConfig(AppConfig):
    """Templates and static files of the admin."""

    name = "csplatform.adminkit"
    label = "adminkit"

    def ready(self) -> None:
        """Hook up what lower rooms left open."""
        from csplatform.adminkit import registrations

        registrations.register()


class ConsoleAdminConfig(AdminConfig):
    """Django's admin on our site."""

    default_site = "csplatform.adminkit.site.ConsoleSite"

"""Our admin site."""

from typing import Any

from django.http import HttpRequest
from unfold.sites import UnfoldAdminSite

from csplatform.adminkit.navigation import tab_sets


class ConsoleSite(UnfoldAdminSite):
    """The console in which CS admins work."""

    def _get_config(self, key: str, *args: Any) -> Any:
        """Tabs come from our registry: rooms bring their own, settings know none."""
        return list(tab_sets) if key == "TABS" else super()._get_config(key, *args)

    def has_permission(self, request: HttpRequest) -> bool:
        """Staff only."""
        return request.user.is_active and getattr(request.user, "is_staff", False)

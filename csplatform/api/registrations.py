"""What this room itself brings."""

from django.urls import reverse_lazy

from csplatform.adminkit.navigation import Entry, entries
from csplatform.api import idempotency
from csplatform.api.audit import AuditViewSet
from csplatform.api.routes import Route, routes
from csplatform.kit.jobs import Periodic, periodic


def register() -> None:
    """The audit trail's address, the page in the sidebar, and forgetting old answers."""
    page = reverse_lazy("api-docs")
    entries.register("api.docs", Entry("Settings", 90, "API", "api", lambda: page))
    routes.register("audit", Route("audit-entries", AuditViewSet))
    periodic.register("api.answers", Periodic("api.answers", 3600, idempotency.purge))

"""What this room itself brings."""

from csplatform.api import idempotency
from csplatform.api.audit import AuditViewSet
from csplatform.api.routes import Route, routes
from csplatform.kit.jobs import Periodic, periodic


def register() -> None:
    """The audit trail's address, and forgetting old answers."""
    routes.register("audit", Route("audit-entries", AuditViewSet))
    periodic.register("api.answers", Periodic("api.answers", 3600, idempotency.purge))

"""The room's addresses under /api/v1/."""

from csplatform.api.routes import Route, routes
from csplatform.customers.api.attributes import AttributeViewSet
from csplatform.customers.api.companies import CompanyViewSet
from csplatform.customers.api.events import EventNameViewSet, EventViewSet, SourceViewSet
from csplatform.customers.api.people import PersonViewSet


def register() -> None:
    """Called once at start."""
    routes.register("companies", Route("companies", CompanyViewSet))
    routes.register("people", Route("people", PersonViewSet))
    routes.register("attributes", Route("attributes", AttributeViewSet))
    routes.register("events", Route("events", EventViewSet))
    routes.register("event_names", Route("event-names", EventNameViewSet))
    routes.register("sources", Route("sources", SourceViewSet))

"""Addresses under /api/: built when URLs are loaded, after every room has registered."""

from django.urls import include, path, re_path
from rest_framework.routers import SimpleRouter

from csplatform.api.docs import DocsView, SchemaView
from csplatform.api.errors import no_such_address
from csplatform.api.routes import routes


def _router() -> SimpleRouter:
    router = SimpleRouter()
    router.trailing_slash = "/?"  # both forms answer: a redirect would lose a POST's body
    for route in routes:
        router.register(route.prefix, route.viewset, basename=f"api-{route.prefix}")
    return router


urlpatterns = [
    path("v1/", include(_router().urls)),
    path("schema/", SchemaView.as_view(), name="api-schema"),
    path("docs/", DocsView.as_view(), name="api-docs"),
    re_path(r"^(?P<rest>[\s\S]*)\Z", no_such_address),
]

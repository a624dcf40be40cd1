"""The schema, and the page to read and try the API, under the strict Content-Security-Policy."""

from django.contrib.auth.mixins import LoginRequiredMixin
from django.views.generic import TemplateView
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.views import SpectacularAPIView


class SchemaView(SpectacularAPIView):
    """The OpenAPI document: JSON, or YAML for those who ask for it in Accept."""

    renderer_classes = [OpenApiJsonRenderer, OpenApiYamlRenderer]


class DocsView(LoginRequiredMixin, TemplateView):
    """Swagger UI from our own static files; a session of the admin is enough to try things."""

    template_name = "api/docs.html"

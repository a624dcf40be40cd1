"""The page to read and try the API, under the strict Content-Security-Policy."""

from django.contrib.auth.mixins import LoginRequiredMixin
from django.views.generic import TemplateView


class DocsView(LoginRequiredMixin, TemplateView):
    """Swagger UI from our own static files; a session of the admin is enough to try things."""

    template_name = "api/docs.html"

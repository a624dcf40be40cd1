"""The relaxed Content-Security-Policy of the admin, and of nothing else."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse


class AdminPolicyMiddleware:
    """The admin's Alpine evaluates expressions, so /admin/ allows eval and inline styles.

    Public pages keep the strict policy. Stands below CSPMiddleware, which reads the attribute.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith("/admin/"):
            response._csp_update = settings.ADMIN_POLICY  # type: ignore[attr-defined]
        return response

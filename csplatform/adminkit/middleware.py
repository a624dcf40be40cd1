"""The relaxed Content-Security-Policy of the admin, and of nothing else."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

CONSOLE_PAGE = "_csplatform_console_page"


def console_page(request: HttpRequest) -> None:
    """Mark a staff page outside /admin/ that is drawn in the console's frame."""
    setattr(request, CONSOLE_PAGE, True)


class AdminPolicyMiddleware:
    """The console's Alpine evaluates expressions, so its pages allow eval and inline styles.

    That is /admin/ and the few staff pages elsewhere that use its frame (`console_page`).

    Public pages keep the strict policy. Stands below CSPMiddleware, which reads the attribute.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith("/admin/") or getattr(request, CONSOLE_PAGE, False):
            response._csp_update = settings.ADMIN_POLICY  # type: ignore[attr-defined]
        return response

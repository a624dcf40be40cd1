"""One line and one count for each request, and the id that its other lines carry."""

import logging
import re
import time
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.functional import LazyObject

from csplatform.kit import rates
from csplatform.kit.logs import REQUEST_ID, route_of

log = logging.getLogger(__name__)
FIT = re.compile(r"[A-Za-z0-9-]{1,64}")
# Asked every few seconds by machines: their lines would bury the others.
SILENT = {"healthz", "readyz", "metrics"}


class AccessMiddleware:
    """Gives every request an id, or keeps the one that a proxy gave it in X-Request-ID.

    The id stands in each line of the request and in the answer. At the end one line says what was
    asked and how it went: method, template of the address, status, milliseconds, user id.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if FIT.fullmatch(given) else uuid.uuid4().hex[:16]
        setattr(request, REQUEST_ID, request_id)
        began = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
            self._note(request, response.status_code, time.perf_counter() - began)
        response["X-Request-ID"] = request_id
        return response

    def _note(self, request: HttpRequest, status: int, seconds: float) -> None:
        route = route_of(request)
        rates.requested(str(request.method), route, status, seconds)
        if route in SILENT or request.path.startswith(settings.STATIC_URL):
            return
        values = {
            "method": request.method,
            "path": route or "no such address",
            "status": status,
            "ms": round(seconds * 1000, 1),
            "user": user_id(request),
        }
        log.info("request", extra=values)


def user_id(request: HttpRequest) -> Any:
    """Who asked, if the view found out; no query is made to learn it."""
    user: Any = getattr(request, "user", None)
    if isinstance(user, LazyObject):
        user = getattr(request, "_cached_user", None)
    return getattr(user, "pk", None)

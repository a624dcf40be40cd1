"""How much one caller may ask."""

from typing import Any

from django.conf import settings
from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from csplatform.accounts.models import ApiKey
from csplatform.kit.clock import now

WINDOW = 60


class CallerThrottle(BaseThrottle):
    """Requests per key or user and minute, counted by each web process for itself.

    It keeps one runaway script from starving the others; it is no quota.
    """

    def allow_request(self, request: Request, view: Any) -> bool:
        """False when the minute's share is used up."""
        minute = int(now().timestamp()) // WINDOW
        key = f"api:{self._caller(request)}:{minute}"
        cache.add(key, 0, WINDOW * 2)
        try:
            return bool(cache.incr(key) <= settings.API_REQUESTS_PER_MINUTE)
        except ValueError:  # dropped between the two calls
            return True

    def wait(self) -> float:
        """Seconds until the next minute begins."""
        return WINDOW - now().timestamp() % WINDOW

    def _caller(self, request: Request) -> str:
        if isinstance(request.auth, ApiKey):
            return f"key{request.auth.pk}"
        if request.user and request.user.is_authenticated:
            return f"user{request.user.pk}"
        return f"ip{self.get_ident(request)}"

"""Signed links: who holds the token may do the one thing that its purpose names."""

from typing import Any

from django.core import signing


class BadToken(Exception):
    """Forged, damaged or expired."""


def make_token(purpose: str, payload: Any) -> str:
    """A URL-safe token for `payload` (JSON values only), valid for `purpose` alone."""
    return signing.dumps(payload, salt=f"csplatform.{purpose}", compress=True)


def read_token(purpose: str, token: str, *, max_age_seconds: int | None = None) -> Any:
    """The payload. Raises BadToken."""
    try:
        return signing.loads(token, salt=f"csplatform.{purpose}", max_age=max_age_seconds)
    except signing.BadSignature as error:
        raise BadToken(str(error)) from None

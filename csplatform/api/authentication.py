"""API keys: `Authorization: Bearer csp_<prefix>_<secret>`."""

import re
from datetime import timedelta

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from csplatform.accounts.models import ApiKey, User
from csplatform.kit.clock import now

# "Last used" is for people; writing it for each request would make every read a write.
USED_RESOLUTION = timedelta(minutes=1)
SHAPE = re.compile(r"csp_([0-9a-f]{8})_[A-Za-z0-9_-]{16,64}")


class ApiKeyAuthentication(BaseAuthentication):
    """The key's user, limited to the key's scopes."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        """None when there is no bearer token; raises AuthenticationFailed for a bad one."""
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != b"bearer":
            return None
        text = words[1].decode("latin-1") if len(words) == 2 else ""
        shape = SHAPE.fullmatch(text)
        if shape is None:
            raise AuthenticationFailed("This is no API key of ours.")
        key = (
            ApiKey.objects.select_related("user")
            .filter(prefix=shape[1], revoked_at=None, user__is_active=True)
            .first()
        )
        # An unknown prefix takes as long as a wrong secret.
        if not (key or _nobody()).matches(text) or key is None:
            raise AuthenticationFailed("This API key is unknown or revoked.")
        _note_use(key)
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        """Makes a refusal a 401 and not a 403."""
        return "Bearer"


def _nobody() -> ApiKey:
    return ApiKey(digest="0" * 64)


def _note_use(key: ApiKey) -> None:
    moment = now()
    if key.last_used_at is None or moment - key.last_used_at > USED_RESOLUTION:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=moment)

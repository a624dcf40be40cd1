"""Doing a POST at most once: the answer is stored in the transaction of the work itself."""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import transaction
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from csplatform.accounts.models import ApiKey
from csplatform.api.models import RememberedAnswer
from csplatform.kit.clock import now
from csplatform.kit.errors import Conflict, DomainError

KEPT = timedelta(hours=24)
MAX_KEY = 200


def once(
    handler: Callable[..., Response], key: str, request: Request, *args: Any, **kwargs: Any
) -> Response:
    """Run the handler, or give the stored answer of an earlier request with this key.

    Guarantees: work and answer commit together, so a request repeated after a crash or a cut
    line never works twice; a second one at the same moment waits for the first. What failed is
    not remembered. Raises Conflict when the key came with another request before.
    """
    if not 0 < len(key) <= MAX_KEY or not key.isprintable():
        message = f"An Idempotency-Key has 1 to {MAX_KEY} printable characters."
        raise DomainError(message, path="Idempotency-Key", code="idempotency_key")
    caller, fingerprint = _caller(request), _fingerprint(request)
    with transaction.atomic():
        moment = now()
        mine = RememberedAnswer.objects.filter(caller=caller, key=key)
        mine.filter(created_at__lt=moment - KEPT).delete()
        fresh = RememberedAnswer(caller=caller, key=key, fingerprint=fingerprint, created_at=moment)
        RememberedAnswer.objects.bulk_create([fresh], ignore_conflicts=True)
        row = mine.select_for_update().get()
        if row.status:
            return _again(row, fingerprint)
        response = handler(request, *args, **kwargs)
        row.status = response.status_code
        row.body = json.loads(JSONRenderer().render(response.data) or b"null")
        row.save(update_fields=["status", "body"])
    return response


def _again(row: RememberedAnswer, fingerprint: str) -> Response:
    if row.fingerprint != fingerprint:
        message = "This Idempotency-Key came with another request before; use a new one."
        raise Conflict(message, path="Idempotency-Key", code="idempotency_key")
    return Response(row.body, status=row.status, headers={"Idempotent-Replayed": "true"})


def _caller(request: Request) -> str:
    if isinstance(request.auth, ApiKey):
        return f"key:{request.auth.pk}"
    return f"user:{request.user.pk}"


def _fingerprint(request: Request) -> str:
    body = json.dumps(request.data, sort_keys=True, default=str)
    return hashlib.sha256(f"{request.method} {request.path}\n{body}".encode()).hexdigest()


def purge() -> int:
    """Forget answers older than a day."""
    return RememberedAnswer.objects.filter(created_at__lt=now() - KEPT).delete()[0]

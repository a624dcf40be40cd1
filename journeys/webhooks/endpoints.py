"""Endpoints as the sender needs them, and what their answers do to them."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from csplatform.kit import audit
from csplatform.kit.sealed import Unreadable, unseal
from journeys.models import WebhookEndpoint
from journeys.webhooks.schedule import Circuit, after_failure, after_success

GONE = "The receiver answered 410: it wants no more webhooks."
UNREADABLE = (
    "The endpoint's secret cannot be read: SECRET_KEY has changed. Rotate the secret and enter the"
    " headers again."
)


@dataclass(frozen=True)
class Endpoint:
    """A receiver with its secrets opened.

    Attributes:
        problem: why nothing can be sent to it now; "" when it can.
    """

    id: int
    name: str
    url: str
    is_active: bool
    secrets: tuple[str, ...]
    headers: dict[str, str]
    problem: str = ""

    def __repr__(self) -> str:
        """Without what nobody may read in a log."""
        return f"Endpoint({self.id})"


def load_endpoints(ids: Iterable[int], now: datetime) -> dict[int, Endpoint]:
    """The endpoints of a batch; one query."""
    rows = WebhookEndpoint.objects.in_bulk(set(ids))
    return {pk: _opened(row, now) for pk, row in rows.items()}


def _opened(row: WebhookEndpoint, now: datetime) -> Endpoint:
    try:
        secrets = [unseal(row.sealed_secret)]
        if row.old_secret_until is not None and row.old_secret_until > now:
            secrets.append(unseal(row.sealed_old_secret))
        headers = json.loads(unseal(row.sealed_headers) or "{}")
    except Unreadable:
        return Endpoint(row.pk, row.name, row.url, row.is_active, (), {}, UNREADABLE)
    return Endpoint(row.pk, row.name, row.url, row.is_active, tuple(secrets), headers)


def note_success(endpoint_id: int) -> None:
    """It took a message: whatever was wrong is over."""
    row = WebhookEndpoint.objects.filter(pk=endpoint_id)
    row.exclude(failures=0, rests=0, paused_until=None).update(**vars(after_success()))


def note_failure(endpoint_id: int, now: datetime, retry_after: float | None) -> None:
    """It did not take a message."""
    with transaction.atomic():
        row = WebhookEndpoint.objects.select_for_update().filter(pk=endpoint_id).first()
        if row is not None:
            circuit = Circuit(row.failures, row.rests, row.paused_until)
            changed = after_failure(circuit, now, retry_after)
            WebhookEndpoint.objects.filter(pk=row.pk).update(**vars(changed))


def switch_off_gone(endpoint_id: int) -> None:
    """It said that it is gone: nothing is sent there until somebody switches it on again."""
    with transaction.atomic():
        row = WebhookEndpoint.objects.select_for_update().filter(pk=endpoint_id).first()
        if row is not None and row.is_active:
            row.is_active, row.off_reason = False, GONE
            row.save(update_fields=["is_active", "off_reason", "updated_at"])
            audit.record(None, "webhook_endpoint.off", row, after={"reason": GONE})

"""Making, changing, rotating, trying and deleting endpoints."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction

from csplatform.kit import audit
from csplatform.kit.clock import database_now
from csplatform.kit.errors import Conflict, DomainError, Problem
from csplatform.kit.http import Refused, check_url
from csplatform.kit.jobs import wake_on_commit
from csplatform.kit.permissions import require
from csplatform.kit.sealed import seal
from journeys.channels import lanes_of
from journeys.models import Outbox, WebhookEndpoint
from journeys.models.outbox import ENDPOINT_ID, OutboxState
from journeys.usage import ENDPOINT_PATH, programs_naming
from journeys.webhooks.call import CHANNEL, TEST_TYPE
from journeys.webhooks.schedule import Circuit
from journeys.webhooks.signing import new_secret

OLD_SECRET_LASTS = timedelta(hours=24)
MAX_HEADERS = 20
MAX_HEADER = 1_000
_HEADER_NAME = re.compile(r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$")
_HEADER_VALUE = re.compile(r"^[\x20-\x7e]+$")
# What says where a request goes, how long it is and who signed it is ours.
OURS = {
    "host", "content-length", "content-type", "transfer-encoding", "connection", "te", "trailer",
    "upgrade", "expect", "proxy-authorization", "keep-alive", "accept-encoding",
}  # fmt: skip


@dataclass(frozen=True)
class EndpointInput:
    """What an endpoint is.

    Attributes:
        headers: extra headers of each request; None leaves them as they are.
    """

    name: str
    url: str
    is_active: bool = True
    headers: Mapping[str, str] | None = None


def create_endpoint(given: EndpointInput, *, actor: Any) -> tuple[WebhookEndpoint, str]:
    """A new endpoint and its secret, which can be shown this once.

    Raises DomainError with paths, Conflict for a taken name.
    """
    require(actor, "journeys.add_webhookendpoint")
    values = _checked(given)
    secret = new_secret()
    row = WebhookEndpoint(**values, sealed_secret=seal(secret))
    row.sealed_headers = _sealed(given.headers or {})
    with transaction.atomic():
        _save(row)
        audit.record(
            actor, "webhook_endpoint.add", row,
            after={**values, "headers": sorted(given.headers or {})},
        )  # fmt: skip
    return row, secret


def change_endpoint(endpoint_id: int, given: EndpointInput, *, actor: Any) -> WebhookEndpoint:
    """Change an endpoint. A new address, or switching it on, ends its rest.

    Raises DomainError with paths, Conflict for a taken name.
    """
    require(actor, "journeys.change_webhookendpoint")
    values = _checked(given)
    with transaction.atomic():
        row = WebhookEndpoint.objects.select_for_update().get(pk=endpoint_id)
        before = {name: getattr(row, name) for name in values}
        changed = [name for name in values if before[name] != values[name]]
        for name in changed:
            setattr(row, name, values[name])
        if given.headers is not None:
            row.sealed_headers = _sealed(given.headers)
        if {"url", "is_active"} & set(changed):
            _start_afresh(row)
        after: dict[str, Any] = {name: values[name] for name in changed}
        if given.headers is not None:
            after["headers"] = sorted(given.headers)
        if after:
            _save(row)
            audit.record(
                actor, "webhook_endpoint.change", row,
                before={name: before[name] for name in changed}, after=after,
            )  # fmt: skip
            _wake()
    return row


def rotate_secret(endpoint_id: int, *, actor: Any) -> tuple[WebhookEndpoint, str]:
    """A new secret, shown this once. For a day messages carry a signature of each, so that the
    receiver can change over without losing one."""
    require(actor, "journeys.change_webhookendpoint")
    secret = new_secret()
    with transaction.atomic():
        row = WebhookEndpoint.objects.select_for_update().get(pk=endpoint_id)
        row.sealed_old_secret = row.sealed_secret
        row.old_secret_until = database_now() + OLD_SECRET_LASTS
        row.sealed_secret = seal(secret)
        _save(row)
        audit.record(actor, "webhook_endpoint.rotate", row)
    return row, secret


def delete_endpoint(endpoint_id: int, *, actor: Any) -> None:
    """Delete an endpoint that no living program uses; what waits for it is cancelled.

    Raises Conflict naming the programs.
    """
    require(actor, "journeys.delete_webhookendpoint")
    with transaction.atomic():
        row = WebhookEndpoint.objects.select_for_update().get(pk=endpoint_id)
        users = programs_using(endpoint_id)
        if users:
            named = ", ".join(f"“{name}”" for name in users[:5])
            raise Conflict(f"“{row}” is still used by {named}.", code="in_use")
        audit.record(actor, "webhook_endpoint.delete", row, before={"url": row.url})
        row.delete()
        Outbox.objects.alias(to_endpoint=ENDPOINT_ID).filter(
            channel=CHANNEL, state=OutboxState.PENDING, worker=None, to_endpoint=endpoint_id
        ).update(state=OutboxState.CANCELLED, error="The endpoint was deleted.")


def programs_using(endpoint_id: int) -> list[str]:
    """Names of the living programs that call an endpoint, also in an older version."""
    return [program.name for program in programs_naming(ENDPOINT_PATH, endpoint_id)]


def send_test(endpoint_id: int, *, actor: Any) -> Outbox:
    """Send a message about nobody, also to an endpoint that is switched off. Ends its rest; tried
    once, not repeated."""
    require(actor, "journeys.change_webhookendpoint")
    with transaction.atomic():
        row = WebhookEndpoint.objects.select_for_update().get(pk=endpoint_id)
        if row.paused_until is not None:
            row.paused_until = None
            row.save(update_fields=["paused_until", "updated_at"])
        now = database_now()
        message = Outbox.objects.create(
            channel=CHANNEL, subject=TEST_TYPE, to_address=row.name, due_at=now, created_at=now,
            payload={"endpoint": row.pk, "type": TEST_TYPE, "test": True, "fields": []},
        )  # fmt: skip
        audit.record(actor, "webhook_endpoint.test", row, after={"message": message.pk})
        _wake()
    return message


def _wake() -> None:
    for lane in lanes_of([CHANNEL]):
        wake_on_commit(lane)


def _start_afresh(row: WebhookEndpoint) -> None:
    row.off_reason = ""
    for name, value in vars(Circuit()).items():
        setattr(row, name, value)


def _save(row: WebhookEndpoint) -> None:
    """Save within a savepoint. Raises Conflict for a taken name."""
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        message = "Another endpoint has this name; choose a different one."
        raise Conflict(message, path="/name", code="taken") from None


def _sealed(headers: Mapping[str, str]) -> str:
    return seal(json.dumps(dict(headers))) if headers else ""


def _checked(given: EndpointInput) -> dict[str, Any]:
    """The values as stored. Raises DomainError with all that is wrong."""
    values = {"name": given.name.strip(), "url": given.url.strip(), "is_active": given.is_active}
    problems = _header_problems(given.headers or {})
    if not values["name"]:
        problems.append(Problem("/name", "This is required.", "missing"))
    elif len(given.name) > 200:
        problems.append(Problem("/name", "Use at most 200 characters.", "too_long"))
    try:
        check_url(str(values["url"]))
    except Refused as error:
        problems.append(Problem("/url", str(error), "url"))
    if problems:
        raise DomainError(problems)
    return values


def _header_problems(headers: Mapping[str, str]) -> list[Problem]:
    problems = []
    if len(headers) > MAX_HEADERS:
        problems.append(Problem("/headers", f"At most {MAX_HEADERS} headers.", "too_many"))
    for name, value in list(headers.items())[:MAX_HEADERS]:
        reserved = name.lower() in OURS or name.lower().startswith("webhook-")
        if not _HEADER_NAME.match(name):
            problems.append(Problem("/headers", f"“{name[:40]}” is no header name.", "header"))
        elif reserved:
            problems.append(Problem("/headers", f"The header {name} is set by us.", "header"))
        elif not _HEADER_VALUE.match(value.strip()) or len(value) > MAX_HEADER:
            text = f"The value of {name} holds characters that do not belong there, or is empty"
            problems.append(Problem("/headers", f"{text} or too long.", "header"))
    if len({name.lower() for name in headers}) < len(headers):
        problems.append(Problem("/headers", "A header is given twice.", "header"))
    return problems

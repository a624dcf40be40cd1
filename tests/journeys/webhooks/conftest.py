"""Receivers that may be reached, and programs that call them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from csplatform.kit.clock import now
from journeys.models import Outbox, WebhookEndpoint
from tests import factories as make
from tests.kit.receiver import Receiver, receiving


@pytest.fixture
def open_receiver(settings: Any) -> Iterator[Callable[..., Receiver]]:
    """Starts receivers, each opened for outgoing requests."""
    with ExitStack() as stack:

        def start(**more: Any) -> Receiver:
            receiver = stack.enter_context(receiving(**more))
            settings.OUTBOUND_ALLOW = [*settings.OUTBOUND_ALLOW, receiver.place]
            return receiver

        yield start


@pytest.fixture
def receiver(open_receiver: Callable[..., Receiver]) -> Receiver:
    """One that takes everything."""
    return open_receiver()


@pytest.fixture
def endpoint(receiver: Receiver) -> WebhookEndpoint:
    """An endpoint for `receiver`; its secret stands in `endpoint.told`."""
    row, secret = make.webhook_endpoint(url=receiver.url())
    row.told = secret
    return row


@pytest.fixture
def queue() -> Callable[..., Outbox]:
    """Puts one webhook into the outbox."""

    def put(endpoint: WebhookEndpoint, **more: Any) -> Outbox:
        moment = now()
        payload = {"endpoint": endpoint.pk, "type": "program.step", "fields": []}
        values = {
            "channel": "webhook", "slot": "webhook", "due_at": moment, "created_at": moment,
            "payload": payload | more.pop("payload", {}), **more,
        }  # fmt: skip
        return Outbox.objects.create(**values)

    return put

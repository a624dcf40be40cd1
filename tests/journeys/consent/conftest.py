"""A mail server, a queue, and a mail that arrived."""

from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import pytest

from journeys.consent.operations import save_category
from journeys.emails import sender
from journeys.models import MailCategory
from tests.journeys.emails.conftest import queue, sink, smtp  # noqa: F401


@pytest.fixture
def tips() -> MailCategory:
    """What one may leave."""
    return save_category("Product tips", actor=None)


@pytest.fixture
def notices() -> MailCategory:
    """What everybody gets."""
    return save_category("Your account", is_operational=True, actor=None)


@pytest.fixture
def arrive(smtp: Any, queue: Any) -> Callable[..., EmailMessage]:  # noqa: F811
    """Sends one mail and gives what the server got."""

    def put(person: Any, template: Any) -> EmailMessage:
        queue(person, template)
        sender.run_batch()
        _, mail = smtp.received[-1]
        return mail

    return put

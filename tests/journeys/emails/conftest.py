"""A mail server per test, and Django pointed at it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from csplatform.kit.clock import now
from journeys.models import Outbox
from tests import factories as make
from tests.journeys.emails.smtp import Sink, serve


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A mail server that takes everything."""
    handler = Sink()
    controller = serve(handler)
    handler.port = controller.port  # type: ignore[attr-defined]
    yield handler
    controller.stop()


@pytest.fixture
def smtp(sink: Sink, settings: Any) -> Sink:
    """Django's mails go to the sink."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", sink.port  # type: ignore[attr-defined]
    settings.EMAIL_TIMEOUT = 5
    settings.DEFAULT_FROM_EMAIL = "Success <success@example.com>"
    settings.PUBLIC_URL = "https://cs.example.com"
    return sink


@pytest.fixture
def queue() -> Callable[..., Outbox]:
    """Puts one mail into the outbox, as the engine does."""

    def put(person: Any = None, template: Any = None, **more: Any) -> Outbox:
        moment = now()
        template = template or make.mail_template()
        values = {
            "person_id": (person or make.person()).pk,
            "payload": {"template": template.pk},
            "slot": "person",
            "due_at": moment,
            "created_at": moment,
            **more,
        }
        return Outbox.objects.create(**values)

    return put

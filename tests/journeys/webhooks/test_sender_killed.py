"""A sender is killed -9 while a receiver has its webhook (REL-01, REL-02)."""

import os
import signal
import subprocess
import sys
import time
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings as configured
from django.db import connection

from csplatform.kit.clock import now
from journeys.models import Outbox
from journeys.webhooks import sender
from tests import factories as make

pytestmark = pytest.mark.django_db(transaction=True)
WORK = (
    "import django; django.setup()\n"
    "from journeys.webhooks import sender\n"
    "while sender.run_batch(): pass\n"
)


def start_sender(allow: str) -> subprocess.Popen:
    """A sender of its own process on the test database."""
    parts = urlsplit(os.environ.get("DATABASE_URL", "postgresql://postgres@localhost/app"))
    name = connection.settings_dict["NAME"]
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "csplatform.settings",
        "DATABASE_URL": urlunsplit(parts._replace(path=f"/{name}")),
        "SECRET_KEY": configured.SECRET_KEY,
        "OUTBOUND_ALLOW": allow,
    }
    return subprocess.Popen([sys.executable, "-c", WORK], env=env, cwd=configured.BASE_DIR)


def sweep_until_found(seconds: float = 60) -> int:
    """PostgreSQL needs a moment to notice that a client died."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if again := sender.sweep():
            return again
        time.sleep(0.1)
    return 0


@pytest.mark.slow
def test_killed_between_sending_and_noting_it_is_sent_again_under_the_same_id(open_receiver, queue):
    """None is lost; the repetition is byte for byte the same, so that the receiver knows it."""
    receiver = open_receiver(hang=True)
    endpoint, _ = make.webhook_endpoint(url=receiver.url())
    person = make.person()
    messages = [queue(endpoint, person_id=person.pk) for _ in range(5)]
    process = start_sender(receiver.place)
    try:
        assert receiver.came.wait(120), "the sender never got to the receiver"
        time.sleep(0.5)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    before = {got.headers["webhook-id"]: got.body for got in receiver.got}
    assert before
    assert sweep_until_found() == 5
    assert set(Outbox.objects.values_list("state", "worker")) == {("pending", None)}
    receiver.hang = False
    receiver.release.set()
    Outbox.objects.update(due_at=now())
    while sender.run_batch():
        pass
    assert set(Outbox.objects.values_list("state", flat=True)) == {"sent"}
    after = {got.headers["webhook-id"]: got.body for got in receiver.got}
    assert set(after) == {f"msg_{message.pk}" for message in messages}
    assert all(after[key] == body for key, body in before.items())
    assert len(receiver.got) == len(before) + 5

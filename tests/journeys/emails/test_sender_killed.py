"""A sender is killed -9 while the mail server has its mail (REL-01, REL-02)."""

import os
import signal
import subprocess
import sys
import time
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings
from django.db import connection

from csplatform.kit.clock import now
from journeys.emails import sender
from journeys.models import Outbox

pytestmark = pytest.mark.django_db(transaction=True)
WORK = (
    "import django; django.setup()\n"
    "from journeys.emails import sender\n"
    "while sender.run_batch(): pass\n"
)


def start_sender(port: int) -> subprocess.Popen:
    """A sender of its own process on the test database."""
    parts = urlsplit(os.environ.get("DATABASE_URL", "postgresql://postgres@localhost/app"))
    name = connection.settings_dict["NAME"]
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "csplatform.settings",
        "DATABASE_URL": urlunsplit(parts._replace(path=f"/{name}")),
        "EMAIL_URL": f"smtp://127.0.0.1:{port}",
    }
    return subprocess.Popen([sys.executable, "-c", WORK], env=env, cwd=settings.BASE_DIR)


def sweep_until_found(seconds: float = 60) -> int:
    """PostgreSQL needs a moment to notice that a client died."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if lost := sender.sweep():
            return lost
        time.sleep(0.1)
    return 0


@pytest.mark.slow
def test_killed_between_body_and_answer_it_is_one_uncertain_mail(sink, smtp, queue):
    """At most one uncertain mail per killed sender, listed; the others leave once; none twice."""
    sink.hang = True
    messages = [queue() for _ in range(5)]
    process = start_sender(sink.port)
    try:
        assert sink.got_body.wait(120), "the sender never got to the mail server"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    assert sweep_until_found() == 1
    states = list(Outbox.objects.order_by("pk").values_list("state", "worker"))
    assert states == [("uncertain", None), *[("pending", None)] * 4]
    assert "died" in Outbox.objects.order_by("pk").first().error
    sink.hang = False
    Outbox.objects.filter(state="pending").update(due_at=now())
    sender.run_batch()
    sender.run_batch()
    assert Outbox.objects.get(pk=messages[0].pk).state == "uncertain"
    assert len(sink.received) == 4
    assert set(sink.counts().values()) == {1}

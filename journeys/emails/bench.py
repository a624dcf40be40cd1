"""Benchmark of mails: rendered and handed to a local SMTP server, each with its own commits."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.test.utils import override_settings

from csplatform.embedded.beside import free_port, wait_for_port
from csplatform.kit import sql
from csplatform.kit.bench import Bench, benches, figures, stopwatch
from journeys.bench import enter_all, people, program, step
from journeys.emails import sender
from journeys.engine.advance import advance_due
from journeys.models import EmailTemplate, Outbox
from journeys.models.participant import Lane

BLOCKS = [
    {"kind": "heading", "text": "Welcome, {{ person.name }}"},
    {"kind": "text", "text": "Hello {{ person.name }}, here is what you can do next."},
    {"kind": "button", "label": "Open it", "url": "https://example.com/start"},
]


def register() -> None:
    """Called once at start by journeys.emails.registrations."""
    benches.register("email", Bench(2_000, email))


@contextmanager
def smtp_sink() -> Iterator[int]:
    """A mail server in a process of its own that takes everything; yields its port."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "aiosmtpd", "-n", "-c", "aiosmtpd.handlers.Sink"]
        server = subprocess.Popen(
            [*command, "-l", f"127.0.0.1:{port}"], cwd=folder, env=dict(os.environ),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            wait_for_port(port)
            yield port
        finally:
            server.terminate()
            server.wait(10)


def email(size: int) -> Iterator[dict[str, Any]]:
    """From messages in the outbox to mails that the server has taken, one sender."""
    template = EmailTemplate.objects.create(
        name="Benchmark mail", subject="Hello {{ person.name }}", blocks=BLOCKS
    )
    try:
        mails = program(step("send_email", "mail", template=template.pk))
        with people(size) as ids, mails as made, smtp_sink() as port:
            enter_all(made, ids)
            while advance_due(Lane.BULK) or advance_due(Lane.LIVE):
                pass
            smtp = {
                "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
                "EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": port, "EMAIL_USE_TLS": False,
                "EMAIL_HOST_USER": "", "EMAIL_HOST_PASSWORD": "",
            }  # fmt: skip
            with override_settings(**smtp), stopwatch() as watch:
                while sender.run_batch():
                    pass
            sent = Outbox.objects.filter(program_id=made.pk, state="sent").count()
            assert sent == size, f"{size - sent} mails were not sent"
        yield figures(size, watch.seconds)
    finally:
        sql.run("DELETE FROM journeys_emailtemplaterevision WHERE template_id = %s", [template.pk])
        template.delete()

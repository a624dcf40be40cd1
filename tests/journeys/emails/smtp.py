"""A real SMTP server for tests, which can misbehave on command."""

import asyncio
import email
import email.policy
import socket
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

Answer = Callable[[Any, Any, Any], str]


@dataclass
class Sink:
    """Takes mails. `on_rcpt` and `on_data` may answer an address with an error instead.

    hang: after the body came, say nothing any more. drop_at: hang up at "rcpt" or "data".
    """

    received: list[tuple[str, EmailMessage]] = field(default_factory=list)
    refuse_rcpt: dict[str, str] = field(default_factory=dict)
    refuse_data: dict[str, str] = field(default_factory=dict)
    drop_at: str = ""
    drop_once: bool = True
    hang: bool = False
    got_body: threading.Event = field(default_factory=threading.Event)
    connections: int = 0

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self._drops("rcpt"):
            server.transport.abort()
        if answer := self.refuse_rcpt.get(address):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.got_body.set()
        if self.hang:
            await asyncio.sleep(60)
        if self._drops("data"):
            server.transport.abort()
            return "250 lost"
        address = envelope.rcpt_tos[0]
        if answer := self.refuse_data.get(address):
            return answer
        parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.received.append((address, parsed))
        return "250 OK"

    def _drops(self, where: str) -> bool:
        if self.drop_at != where:
            return False
        if self.drop_once:
            self.drop_at = ""
        return True

    def counts(self) -> Counter:
        """Mails per address."""
        return Counter(address for address, _ in self.received)


def free_port() -> int:
    """A port that is free right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def serve(sink: Sink) -> Controller:
    """Start on a free port of this machine; `controller.port` tells it."""
    controller = Controller(sink, hostname="127.0.0.1", port=free_port())
    controller.start()
    return controller

"""What operators meet: a lost queue, a restarted database, a dying mail server, a hanging receiver.

    python -m tests.faults.troubles [--people 500] [--redis-seconds 60]

One installation, one program (webhook, mail, attribute), and a wave of people into each trouble:
Redis flushed and standing still, PostgreSQL restarted in the middle of batches, a mail server that
takes mails and dies before its answer, a receiver that hangs. Counted afterwards: nobody stranded,
nothing doubled, uncertain mails listed, nothing dropped without a word (REL-01, REL-02).
"""

import argparse
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psutil

from tests.faults.installation import Installation
from tests.faults.kills import again
from tests.kit.receiver import Receiver, raw_server, receiving

PATIENCE = 300
DIES_AT = 25  # of so many mails one is taken and never answered
RESTARTS = 3


class MailServer:
    """Takes mails; of every 25 it takes one and dies before it says so."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()
        self.died: list[str] = []
        self.dying = False
        self._lock = threading.Lock()

    def talk(self, line: socket.socket) -> None:
        """One SMTP conversation."""
        file = line.makefile("rwb")

        def say(words: str) -> None:
            file.write(f"{words}\r\n".encode())
            file.flush()

        say("220 here")
        while words := file.readline().decode().strip().upper():
            if words == "DATA":
                say("354 go on")
                if not self._take(file):
                    return  # the line breaks: nobody says whether it was taken
            elif words == "QUIT":
                say("221 bye")
                return
            say("250 ok")

    def _take(self, file: Any) -> bool:
        body = b""
        while not body.endswith(b"\r\n.\r\n"):
            body += file.readline()
        found = [row for row in body.decode().splitlines() if row.lower().startswith("message-id")]
        with self._lock:
            self.taken[found[0].split(":", 1)[1].strip()] += 1
            if self.dying and sum(self.taken.values()) % DIES_AT == 0:
                self.died.append(found[0])
                return False
        return True


class Wave:
    """Groups of people who enter, and what became of them."""

    def __init__(self, hook: Receiver) -> None:
        from csplatform.customers.models import AttributeDefinition
        from tests import factories as make

        AttributeDefinition.objects.create(
            subject="person", name="outcome", label="Outcome", type="text"
        )
        endpoint, _ = make.webhook_endpoint(url=hook.url())
        self.make, self.people = make, 0
        self.program = make.program(
            make.step("call_webhook", "hook", endpoint=endpoint.pk),
            make.step("send_email", "mail", template=make.mail_template().pk),
            make.step("set_attribute", "set", attribute="outcome", value="done"),
        )

    def enter(self, count: int) -> None:
        """Let new people in, by fifties."""
        from journeys.operations.enroll import enroll

        ids = again(lambda: self.make.ids(self.make.people(count)))
        for start in range(0, count, 50):
            again(lambda chunk=ids[start : start + 50]: enroll(self.program.pk, chunk, actor=None))
        self.people += count

    def inside(self) -> int:
        """Who has not come to an end."""
        from journeys.models import Participant

        return Participant.objects.filter(program=self.program, ended_at=None).count()


def until(done: Callable[[], bool], seconds: float = PATIENCE) -> float:
    """Wait; how long that took."""
    began = time.monotonic()
    while not again(done):
        if time.monotonic() - began > seconds:
            raise AssertionError("it did not settle")
        time.sleep(0.2)
    return time.monotonic() - began


def redis_stands_still(installation: Installation, wave: Wave, people: int, seconds: int) -> None:
    """Flushed, then frozen: requests and programs go on meanwhile, if slower."""
    import redis
    from django.conf import settings

    redis.from_url(settings.REDIS_URL).flushall()
    victim = installation.victims()["Valkey"][0]
    victim.suspend()
    began = time.monotonic()
    try:
        wave.enter(people)
        print(f"  {people} entered in {time.monotonic() - began:.1f} s without Redis", flush=True)
        time.sleep(max(0, seconds - (time.monotonic() - began)))
    finally:
        victim.resume()
    print(f"  all through {until(lambda: not wave.inside()):.1f} s after it came back", flush=True)


def database_restarts(installation: Installation, wave: Wave, people: int) -> None:
    """Stopped in the middle of batches; its supervisor starts it again."""
    entering = threading.Thread(target=wave.enter, args=(people,))
    entering.start()
    for _ in range(RESTARTS):
        time.sleep(1.0)
        with suppress(psutil.Error, KeyError):
            installation.victims()["PostgreSQL"][0].send_signal(signal.SIGINT)
    entering.join(PATIENCE)
    print(f"  all through {until(lambda: not wave.inside()):.1f} s after the last one", flush=True)


def mail_server_dies(server: MailServer, wave: Wave, people: int) -> None:
    """Takes a mail and is gone before it says so: uncertain, listed, never sent again by itself."""
    from journeys.models import Outbox

    server.dying = True
    wave.enter(people)
    unsent = Outbox.objects.filter(channel="email", state__in=["pending", "sending"])
    print(f"  all mails settled after {until(lambda: not unsent.exists()):.1f} s", flush=True)
    server.dying = False


def receiver_hangs(hook: Receiver, wave: Wave, people: int) -> None:
    """Never answers in time: participants go on, and the webhooks arrive once it answers again."""
    hook.hang = True
    wave.enter(people)
    print(f"  all through after {until(lambda: not wave.inside()):.1f} s beside it", flush=True)
    hook.hang = False
    hook.release.set()


def deliver() -> float:
    """Have waiting webhooks tried now and not after minutes of backing off and resting."""
    from csplatform.kit.clock import now
    from journeys.models import Outbox, WebhookEndpoint

    waiting = Outbox.objects.filter(channel="webhook").exclude(state="sent")

    def done() -> bool:
        WebhookEndpoint.objects.update(paused_until=None, failures=0)
        waiting.filter(state="pending", worker=None).update(due_at=now())
        return not waiting.exists()

    return until(done)


def verdict(wave: Wave, hook: Receiver, server: MailServer) -> dict[str, int]:
    """Count what must be zero."""
    from csplatform.kit import sql
    from journeys.models import Outbox, Participant

    mails, webhooks = (Outbox.objects.filter(channel=c) for c in ("email", "webhook"))
    called = {f"msg_{pk}" for pk in webhooks.values_list("pk", flat=True)}
    heard = {got.headers["webhook-id"] for got in hook.got}
    uncertain = mails.filter(state="uncertain").count()
    doubled = sql.one(
        "SELECT count(*) FROM (SELECT 1 FROM journeys_transition WHERE kind <> 'wait'"
        " GROUP BY participant_id, step_id, visit, kind HAVING count(*) > 1) d"
    )
    return {
        "stranded": wave.people - Participant.objects.filter(state="completed").count(),
        "decisions doubled": doubled,
        "mails doubled": sum(times - 1 for times in server.taken.values()),
        "mails dropped": wave.people - uncertain - mails.filter(state="sent").count(),
        "mails taken and not noted": abs(
            len(server.taken) - mails.filter(state__in=["sent", "uncertain"]).count()
        ),
        "mails that died and are not listed": max(0, len(server.died) - uncertain),
        # A restart may leave the mail that is in hand uncertain.
        "uncertain mails without a reason": max(0, uncertain - len(server.died) - RESTARTS),
        "webhooks lost": len(called - heard) + abs(wave.people - len(called)),
        "webhooks given up": webhooks.exclude(state__in=["sent", "pending"]).count(),
    }


def main() -> int:
    """0 when all counts are zero."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--people", type=int, default=500)
    parser.add_argument("--redis-seconds", type=int, default=60)
    options = parser.parse_args()
    server = MailServer()
    with receiving() as hook, raw_server(server.talk) as port:
        installation = Installation(OUTBOUND_ALLOW=hook.place, EMAIL_URL=f"smtp://127.0.0.1:{port}")
        try:
            installation.wait_until_ready()
            installation.join()
            import django

            django.setup()
            wave = Wave(hook)
            people = options.people
            print("Redis is flushed and stands still", flush=True)
            redis_stands_still(installation, wave, people, options.redis_seconds)
            print("PostgreSQL restarts in the middle of batches", flush=True)
            database_restarts(installation, wave, people)
            print("the mail server dies after taking a mail", flush=True)
            mail_server_dies(server, wave, people)
            print("the receiver of webhooks hangs", flush=True)
            receiver_hangs(hook, wave, min(people, 40))
            print(f"  all webhooks arrived after {deliver():.1f} s more", flush=True)
            counts = again(lambda: verdict(wave, hook, server))
            for name, count in counts.items():
                print(f"  {count:6} {name}")
            print(f"  {len(server.died)} mails were taken by a server that died, each is listed")
            failed = any(counts.values())
            if failed:
                print(installation.output.read_text()[-4000:])
            print("troubles: FAILED" if failed else "troubles: passed")
            return 1 if failed else 0
        finally:
            installation.stop()


if __name__ == "__main__":
    sys.exit(main())

"""Kill processes at random while participants travel, then count (REL-01, REL-02).

    python -m tests.faults.kills [--kills 10] [--people 2000] [--seed N]

Starts the whole installation in a temporary folder, publishes a program (dialog, webhook, mail,
wait for its opening or for a product event, attribute, exit), lets people in, and sends opening
events and tracker batches while workers, web, PostgreSQL and Valkey are killed with -9. Everything
that was acknowledged must be there once, nobody may be stranded, nothing may have happened twice;
webhooks arrive at least once, each under one id.
"""

import argparse
import json
import random
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

import psutil

from tests.faults.installation import Installation
from tests.kit.receiver import Receiver, receiving

T = TypeVar("T")
PATIENCE = 300


def again(work: Callable[[], T]) -> T:
    """Do something until it is acknowledged, as a client with retries does."""
    from django.db import Error, connection

    until = time.monotonic() + PATIENCE
    while True:
        try:
            return work()
        except (Error, OSError, urllib.error.URLError):
            connection.close()
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def post(installation: Installation, body: dict[str, Any]) -> list[str]:
    """Send a tracker batch; the statuses of its items. Raises while nothing is acknowledged."""
    request = urllib.request.Request(
        f"{installation.url}/t/", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return [item["status"] for item in json.load(answer)["results"]]


class Story:
    """The program, its people, and what was acknowledged."""

    def __init__(self, people: int, rng: random.Random, hook: Receiver) -> None:
        from csplatform.customers.models import AttributeDefinition, Source
        from csplatform.customers.operations.people import PersonInput, upsert_people
        from tests import factories as make
        from tests.engagements.make import engagement

        self.make, self.rng, self.hook = make, rng, hook
        endpoint, _ = make.webhook_endpoint(url=hook.url())
        AttributeDefinition.objects.create(
            subject="person", name="outcome", label="Outcome", type="text"
        )
        self.key = Source.objects.create(name="Kill test").write_key
        inputs = [
            PersonInput(email=f"k{n}@people.example", external_id=f"k{n}") for n in range(people)
        ]
        self.people = [result.id for result in upsert_people(inputs)]
        self.external = {person: f"k{n}" for n, person in enumerate(self.people)}
        finished = {"test": "event", "name": "tour_finished", "operator": "at_least", "count": 1}
        conditions = [
            {"type": "event", "step": "mail", "event": "opened"},
            {"type": "rule", "rule": finished},
        ]
        self.program = make.program(
            make.step("trigger_engagement", "dialog", engagement=engagement().pk),
            make.step("call_webhook", "hook", endpoint=endpoint.pk),
            make.step("send_email", "mail", template=make.mail_template().pk),
            make.step("conditional_wait", "wait", conditions=conditions, amount=10, unit="minutes",
                      exits={"met": [], "not_met": [make.step("exit", "lost", reason="limit")]}),
            make.step("set_attribute", "set", attribute="outcome", value="met"),
            make.step("wait_timer", "rest", amount=1, unit="minutes"),
            make.step("exit", "done", reason="met"),
        )  # fmt: skip
        self.acknowledged: list[str] = []
        self.opened: list[int] = []

    def enroll(self) -> None:
        """Let people in by tens."""
        from journeys.operations.enroll import enroll

        for start in range(0, len(self.people), 50):
            chunk = self.people[start : start + 50]
            again(lambda chunk=chunk: enroll(self.program.pk, chunk, actor=None))
            time.sleep(0.2)

    def tell(self, installation: Installation) -> None:
        """Half of the people open their mail, the others finish the tour in the product."""
        from csplatform.customers.operations.events import EventInput, record_events
        from journeys.models import Outbox

        for number, person in enumerate(self.people):
            if number % 2:
                self._finish_tour(installation, person)
                continue
            ref = again(lambda person=person: self._wait_for_mail(Outbox, person))
            event = EventInput(
                "email.opened", person_id=person, ref=ref, message_id=f"open-{person}"
            )
            again(lambda event=event: record_events([event]))
            self.opened.append(ref)

    def _wait_for_mail(self, outbox: Any, person: int) -> int:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            mails = outbox.objects.filter(person_id=person, channel="email")
            found = mails.values_list("pk", flat=True).first()
            if found:
                return int(found)
            time.sleep(0.1)
        raise AssertionError(f"person {person} was never handed a mail")

    def _finish_tour(self, installation: Installation, person: int) -> None:
        visitor, first, second = (str(uuid.uuid4()) for _ in range(3))
        body = {
            "key": self.key,
            "visitor": visitor,
            "items": [
                {"id": first, "type": "identify", "data": {"user_id": self.external[person]}},
                {"id": second, "type": "track", "data": {"name": "tour_finished"}},
            ],
        }
        statuses = again(lambda: post(installation, body))
        assert all(status in ("ok", "duplicate") for status in statuses), statuses
        self.acknowledged.append(second)


def kill_some(installation: Installation, kills: int, rng: random.Random) -> list[str]:
    """Kill random processes at random moments."""
    killed = []
    while len(killed) < kills:
        time.sleep(rng.uniform(2.0, 8.0))
        victims = installation.victims()
        if not victims:
            continue
        name = rng.choice(sorted(victims))
        try:
            rng.choice(victims[name]).kill()
        except psutil.Error:
            continue
        print(f"  kill {len(killed) + 1}: {name}", flush=True)
        killed.append(name)
    return killed


def settle(story: Story) -> float:
    """Wait until nobody is inside any more and no mail waits; how long that took."""
    from journeys.models import Outbox, Participant

    began = time.monotonic()
    while time.monotonic() - began < PATIENCE:
        left = again(lambda: Participant.objects.filter(ended_at=None).count())
        unsent = again(lambda: Outbox.objects.filter(state__in=["pending", "sending"]).count())
        if not left and not unsent:
            break
        time.sleep(1)
    return time.monotonic() - began


def verdict(story: Story, killed: list[str]) -> dict[str, int]:
    """Count what must be zero, and a few figures beside."""
    from csplatform.customers.models import Event, EventName
    from csplatform.kit import sql
    from journeys.models import CapturedMail, Outbox, Participant

    people = len(story.people)
    mails, webhooks = (Outbox.objects.filter(channel=c) for c in ("email", "webhook"))
    called = {f"msg_{pk}" for pk in webhooks.values_list("pk", flat=True)}
    heard = {got.headers["webhook-id"] for got in story.hook.got}
    invited = sql.one(
        "SELECT count(*) FROM engagements_invitation WHERE program_id = %s", [story.program.pk]
    )
    ended = Participant.objects.filter(state="completed", end_reason="met").count()
    tour = EventName.objects.get(name="tour_finished").pk
    opened = EventName.objects.get(name="email.opened").pk
    doubled = sql.one(
        "SELECT count(*) FROM (SELECT 1 FROM journeys_transition WHERE kind <> 'wait'"
        " GROUP BY participant_id, step_id, visit, kind HAVING count(*) > 1) d"
    )
    mails_doubled = sql.one(
        "SELECT count(*) FROM (SELECT 1 FROM journeys_capturedmail GROUP BY outbox_id"
        " HAVING count(*) > 1) d"
    )
    uncertain = mails.filter(state="uncertain").count()
    sent = mails.filter(state="sent").count()
    return {
        "stranded": people - ended,
        "decisions doubled": doubled,
        "mails doubled": mails_doubled,
        "mails lost": people - sent - uncertain,
        "mails missing though sent": max(0, sent - CapturedMail.objects.count()),
        "invitations lost or doubled": abs(people - invited),
        "webhooks that never arrived": len(called - heard),
        "webhooks lost or doubled": abs(people - len(called)) + len(heard - called),
        "webhooks not noted as sent": people - webhooks.filter(state="sent").count(),
        "tracker events lost or doubled": abs(
            len(story.acknowledged) - Event.objects.filter(name_id=tour).count()
        ),
        "opening events lost or doubled": abs(
            len(story.opened) - Event.objects.filter(name_id=opened).count()
        ),
        "more uncertain mails than killed senders": max(
            0, uncertain - sum(name in ("outbox worker", "PostgreSQL") for name in killed)
        ),
    }


def main() -> int:
    """0 when all counts are zero."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--people", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    print(f"{options.kills} kills, {options.people} people, seed {options.seed}", flush=True)
    rng = random.Random(options.seed)
    with receiving() as hook:
        return _run(options, rng, hook)


def _run(options: argparse.Namespace, rng: random.Random, hook: Receiver) -> int:
    installation = Installation(OUTBOUND_ALLOW=hook.place)
    try:
        installation.wait_until_ready()
        installation.join()
        import django

        django.setup()
        story = Story(options.people, rng, hook)
        workers = [
            threading.Thread(target=_in_thread, args=(work,))
            for work in (story.enroll, lambda: story.tell(installation))
        ]
        for worker in workers:
            worker.start()
        killed = kill_some(installation, options.kills, rng)
        for worker in workers:
            worker.join(PATIENCE * 2)
        print(f"  settled after {settle(story):.0f} s", flush=True)
        print(f"  {len(hook.got)} webhook requests for {options.people} webhooks", flush=True)
        counts = again(lambda: verdict(story, killed))
        ok = not any(counts.values()) and not _failures
        for name, count in counts.items():
            print(f"  {count:6} {name}")
        for failure in _failures:
            print(f"  failed: {failure}")
        if not ok:
            print(installation.output.read_text()[-4000:])
        print("kills: passed" if ok else "kills: FAILED")
        return 0 if ok else 1
    finally:
        installation.stop()


_failures: list[str] = []


def _in_thread(work: Callable[[], None]) -> None:
    try:
        work()
    except BaseException as error:
        _failures.append(f"{type(error).__name__}: {error}")
        raise


if __name__ == "__main__":
    sys.exit(main())

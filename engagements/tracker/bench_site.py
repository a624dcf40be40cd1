"""What the benchmarks of this room stand on: a site with its processes, people, browsers."""

import http.client
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from csplatform.customers import bench_world
from csplatform.customers.models import Source
from csplatform.customers.operations.people import PersonInput, upsert_people
from csplatform.embedded.beside import running
from csplatform.kit import jobs, sql

PREFIX = "bench-"


@contextmanager
def awake() -> Iterator[None]:
    """Let this process wake workers, which the command does not."""
    before, jobs.sleeping = jobs.sleeping, False
    try:
        yield
    finally:
        jobs.sleeping = before


@contextmanager
def bench_people(count: int) -> Iterator[dict[int, str]]:
    """People whom a host product knows: id to user id. Taken away with all that they did."""
    names = [f"{PREFIX}{n}" for n in range(count)]
    given = [PersonInput(email=f"{n}@{bench_world.DOMAIN}", external_id=n) for n in names]
    try:
        results = upsert_people(given, cause={"how": "bench"})
        yield {result.id: name for result, name in zip(results, names, strict=True)}
    finally:
        bench_world.remove()
        sql.run(f"DELETE FROM customers_eventmessage WHERE message_id LIKE '{PREFIX}%%'", [])


@contextmanager
def site(*more: str) -> Iterator[str]:
    """Web, live worker and scheduler (and more) without a limit on events; yields the address."""
    unlimited = {"TRACKER_ITEMS_PER_SECOND": "1000000", "TRACKER_BURST": "1000000"}
    with running("web", "worker-live", "scheduler", *more, **unlimited) as url:
        yield url


@contextmanager
def source() -> Iterator[str]:
    """The write key of a site, taken away with what it sent."""
    made = Source.objects.create(name="Benchmark")
    try:
        yield made.write_key
    finally:
        sql.run("DELETE FROM customers_event WHERE source_id = %s", [made.pk])
        sql.run("DELETE FROM customers_eventmessage WHERE source_id = %s", [made.pk])
        sql.run("DELETE FROM engagements_visitor WHERE source_id = %s", [made.pk])
        made.delete()


class Client:
    """A browser that keeps its connection."""

    def __init__(self, url: str, key: str) -> None:
        self.key, self.visitor = key, str(uuid.uuid4())
        self.connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)

    def post(self, *items: tuple[str, dict[str, Any]]) -> None:
        """Send a batch of (type, data). Raises unless everything is acknowledged."""
        body = {
            "key": self.key,
            "visitor": self.visitor,
            "items": [{"id": str(uuid.uuid4()), "type": t, "data": data} for t, data in items],
        }
        self.connection.request("POST", "/t/", json.dumps(body))
        answer = self.connection.getresponse()
        found = json.loads(answer.read())
        statuses = {result["status"] for result in found.get("results", [])}
        if answer.status != 200 or statuses != {"ok"}:
            raise RuntimeError(f"not acknowledged: {answer.status} {found}")

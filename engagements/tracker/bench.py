"""Benchmark of the doors: how fast events come in, by whom they are waited for included."""

import threading
from collections.abc import Iterator
from typing import Any

from csplatform.customers.operations.events import EventInput, record_events, subscribe
from csplatform.kit.bench import Bench, benches, figures, stopwatch, until
from engagements.tracker.bench_latency import latency
from engagements.tracker.bench_site import PREFIX, Client, awake, bench_people, site, source
from journeys.engine import inbox

CHUNK = 1000
CLIENTS = 8
PER_BATCH = 50
HEARD = 10  # every so many events one that programs wait for


def register() -> None:
    """Called once at start by engagements.registrations."""
    benches.register("ingest", Bench(100_000, ingest))
    benches.register("latency", Bench(100_000, latency))


def ingest(size: int) -> Iterator[dict[str, Any]]:
    """Until every event is stored and every waited-for one has been looked at by the live lane.

    A tenth as many over HTTP in batches of fifty, a fiftieth one by one.
    """
    subscribe(["bench_heard"], inbox.CONSUMER)
    share = {"subscribed_share": 1 / HEARD}
    with bench_people(1000) as people, awake(), site() as url:
        with stopwatch() as watch:
            _record(size, list(people))
            until(lambda: not inbox.pending())
        yield {"case": "batches of 1,000", **figures(size, watch.seconds), **share}
        for case, count, per in (
            ("/t/, batches of 50 over HTTP", size // 10, PER_BATCH),
            ("/t/, single events over HTTP", size // 50, 1),
        ):
            with source() as key, stopwatch() as watch:
                sent = send_all(url, key, max(count, CLIENTS), per)
                until(lambda: not inbox.pending())
            yield {"case": case, **figures(sent, watch.seconds), **share, "clients": CLIENTS}


def _name(number: int) -> str:
    return "bench_event" if number % HEARD else "bench_heard"


def _record(size: int, people: list[int]) -> None:
    for start in range(0, size, CHUNK):
        record_events(
            [
                EventInput(
                    _name(n), person_id=people[n % len(people)], message_id=f"{PREFIX}{n}",
                    properties={"n": n},
                )
                for n in range(start, min(start + CHUNK, size))
            ]
        )  # fmt: skip


def send_all(url: str, key: str, count: int, per: int) -> int:
    """Send events from several clients at once; how many."""
    requests = max(1, count // per // CLIENTS)
    failed: list[BaseException] = []

    def work() -> None:
        client = Client(url, key)
        try:
            for number in range(requests):
                names = [_name(number * per + n) for n in range(per)]
                client.post(*(("track", {"name": name, "properties": {}}) for name in names))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return requests * per * CLIENTS

"""Two workers at one moment, each with a connection of its own."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from django.db import connection

from journeys.engine import store

# Long enough for the other side to do its worst, or to stand before a lock.
MEANWHILE = 0.4


def elsewhere(pool: ThreadPoolExecutor, work: Callable[[], object]) -> Future:
    """Run in a thread with a connection of its own."""

    def run() -> object:
        try:
            return work()
        finally:
            connection.close()

    return pool.submit(run)


@contextmanager
def held_before_writing(monkeypatch, pool, work: Callable[[], object]) -> Iterator[None]:
    """A worker elsewhere that has decided about what it has in hand, and has not written yet."""
    decided, go_on = threading.Event(), threading.Event()
    write = store.write

    def slow(runs, now):
        decided.set()
        assert go_on.wait(10)
        write(runs, now)

    with monkeypatch.context() as patched:
        patched.setattr(store, "write", slow)
        done = elsewhere(pool, work)
        assert decided.wait(10)
    try:
        yield
    finally:
        go_on.set()
        done.result(10)

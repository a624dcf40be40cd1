"""Benchmarks: named, sized, each with its figures as one JSON object. Rooms register theirs."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from csplatform.kit.registry import Registry


@dataclass(frozen=True)
class Bench:
    """One benchmark.

    Attributes:
        size: the default number of things; `make bench` takes a tenth.
        run: gets the size; yields figures such as {"seconds": ..., "rate": ...}, one line each;
            several are told apart by their "case". Cleans up what it wrote.
    """

    size: int
    run: Callable[[int], Iterable[dict[str, Any]]]


benches: Registry[Bench] = Registry("benchmark")


class Watch:
    """Seconds of a block, read after it."""

    seconds = 0.0


@contextmanager
def stopwatch() -> Iterator[Watch]:
    """Time a block."""
    watch, began = Watch(), time.perf_counter()
    yield watch
    watch.seconds = time.perf_counter() - began


def until(done: Callable[[], bool], *, seconds: float = 120, pause: float = 0.01) -> None:
    """Wait until something is so. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(f"still not so after {seconds:.0f} s")
        time.sleep(pause)


def figures(count: int, seconds: float, raw_seconds: float | None = None) -> dict[str, Any]:
    """Seconds and rate; with the plain-SQL twin's seconds also its rate and the ratio."""
    found: dict[str, Any] = {"seconds": round(seconds, 3), "rate": round(count / seconds)}
    if raw_seconds is not None:
        found |= {
            "raw_rate": round(count / raw_seconds),
            "ratio": round(raw_seconds / seconds, 3),
        }
    return found

"""Counts that processes keep while they work. Each writes a file of its own; a scrape adds them up.

Counting never breaks what is counted: whatever goes wrong here is logged once and forgotten.
"""

import logging
import os
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric, values
from prometheus_client.multiprocess import MultiProcessCollector

log = logging.getLogger(__name__)
FOLDER = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}
REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
RUN_SECONDS = (0.005, 0.025, 0.1, 0.25, 1, 5, 30, 120, 600)
_forker = 0


def forks_for_each_job() -> None:
    """To be called by a worker that forks a child for each job, one after the other.

    The children share one file, so that a week of jobs does not leave a million of them.
    """
    global _forker
    _forker = os.getpid()


def _file_owner() -> str:
    pid = os.getpid()
    return f"{_forker}-jobs" if _forker and pid != _forker else str(pid)


if FOLDER:
    os.makedirs(FOLDER, exist_ok=True)
    values.ValueClass = values.MultiProcessValue(_file_owner)
_own = CollectorRegistry()
_requests = Counter(
    "csplatform_http_requests", "Requests answered.", ["method", "view", "status"], registry=_own
)
_request_seconds = Histogram(
    "csplatform_http_request_seconds", "How long answers took.", ["method", "view"],
    buckets=REQUEST_SECONDS, registry=_own,
)  # fmt: skip
_ingested = Counter(
    "csplatform_ingest_items", "Items sent to us, by what became of them.", ["door", "result"],
    registry=_own,
)  # fmt: skip
_runs = Counter(
    "csplatform_work_runs", "Batches of lane work and chores.", ["work", "result"], registry=_own
)
_run_seconds = Histogram(
    "csplatform_work_seconds", "How long a batch or chore took.", ["work"],
    buckets=RUN_SECONDS, registry=_own,
)  # fmt: skip
_moved = Counter("csplatform_work_moved", "Things that batches moved.", ["work"], registry=_own)
_mails = Counter("csplatform_mails", "Mails handed to the server.", ["result"], registry=_own)


def _harmless(count: Callable[..., None]) -> Callable[..., None]:
    """A count that cannot be kept (no room, no folder) is not worth an error."""
    said: list[int] = []

    @wraps(count)
    def kept(*args: Any, **kwargs: Any) -> None:
        try:
            count(*args, **kwargs)
        except Exception as error:
            if not said:
                said.append(1)
                log.warning("not counted", extra={"count": count.__name__, "error": str(error)})

    return kept


@_harmless
def requested(method: str, route: str, status: int, seconds: float) -> None:
    """A request was answered; `route` is the address' template, "" for an unknown address."""
    method = method if method in METHODS else "other"
    view = route or "unknown"
    _requests.labels(method, view, f"{status // 100}xx").inc()
    _request_seconds.labels(method, view).observe(seconds)


@_harmless
def ingested(door: str, **results: int) -> None:
    """Items came in at a door: `ingested("tracker", accepted=9, rejected=1)`."""
    for result, number in results.items():
        if number:
            _ingested.labels(door, result).inc(number)


@_harmless
def ran(work: str, seconds: float, moved: int = 0, *, failed: bool = False) -> None:
    """A batch of a lane's work or a chore ended."""
    _runs.labels(work, "failed" if failed else "ok").inc()
    _run_seconds.labels(work).observe(seconds)
    if moved:
        _moved.labels(work).inc(moved)


@_harmless
def mailed(result: str) -> None:
    """The mail server's answer to a mail: "taken", "refused" or "unknown"."""
    _mails.labels(result).inc()


class _AllProcesses:
    """The sums over all processes' files; counts of packages among them are not ours to tell."""

    def collect(self) -> Iterator[Metric]:
        for metric in MultiProcessCollector(None, FOLDER).collect():
            if metric.name.startswith("csplatform_"):
                yield metric


def totals() -> CollectorRegistry:
    """What to scrape: of all processes, or of this one where they share no folder."""
    if not FOLDER:
        return _own
    found = CollectorRegistry()
    found.register(_AllProcesses())  # type: ignore[arg-type]
    return found

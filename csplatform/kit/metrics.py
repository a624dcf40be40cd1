"""/metrics: the installation's figures, asked at the scrape, and the rates of its processes.

The figures come from PostgreSQL and Redis, so they are the same whichever process answers.
"""

import hmac
import ipaddress
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from django.conf import settings
from django.db import Error, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Metric, generate_latest

from csplatform.kit import rates, sql
from csplatform.kit.registry import Registry

log = logging.getLogger(__name__)
# A figure that would take longer is left out of this scrape.
FIGURE_MS = 1000
# Counts stop here: beyond it the number no longer matters, and counting would cost.
COUNT_UP_TO = 10_000
NEEDS = ("database", "redis")
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "X-Forwarded-Host")


class Reading(NamedTuple):
    """One value of one gauge."""

    name: str
    value: float
    labels: Mapping[str, str] = {}


@dataclass(frozen=True)
class Figures:
    """Gauges that are read together.

    Attributes:
        about: name of each gauge ("csplatform_...") to its help text.
        read: asks for the values; bounded (indexes, LIMITed counts), without writing.
        needs: "database" or "redis"; not asked while that server is away.
    """

    about: Mapping[str, str]
    read: Callable[[], Iterable[Reading]] = field(repr=False)
    needs: str = "database"


def _fit(figures: Figures) -> str:
    taken = {name for other in gauges for name in other.about}
    for name, text in figures.about.items():
        if not name.startswith("csplatform_") or not text:
            return f"{name!r} must begin with csplatform_ and have a help text"
        if name in taken:
            return f"{name!r} is taken"
    return "" if figures.needs in NEEDS else f"unknown server {figures.needs!r}"


gauges: Registry[Figures] = Registry("gauge", _fit)


def bounded(rows: str, params: Iterable[object] = ()) -> int:
    """How many rows a query of our own has, counted up to COUNT_UP_TO + 1."""
    statement = f"SELECT count(*) FROM ({rows} LIMIT {COUNT_UP_TO + 1}) t"
    return int(sql.one(statement, list(params)))


class _Installation:
    """The collector of all registered figures."""

    def collect(self) -> Iterator[Metric]:
        """Each set of figures on its own: one that fails is left out and counted."""
        failed = Metric("csplatform_figure_failed", "1: these figures are left out.", "gauge")
        took = Metric("csplatform_figure_seconds", "How long reading took.", "gauge")
        away = set() if _database_there() else {"database"}
        for key, figures in gauges.items():
            began = time.perf_counter()
            found = None if figures.needs in away else _read(key, figures)
            label = {"figure": key}
            failed.add_sample(failed.name, label, float(found is None))
            took.add_sample(took.name, label, time.perf_counter() - began)
            yield from found or ()
        yield from (failed, took)


def _read(key: str, figures: Figures) -> list[Metric] | None:
    """The set's gauges; None when it failed."""
    metrics = {name: Metric(name, text, "gauge") for name, text in figures.about.items()}
    try:
        for reading in _bounded_read(figures):
            metrics[reading.name].add_sample(reading.name, dict(reading.labels), reading.value)
    except Exception as error:
        log.warning("figure left out", extra={"figure": key, "error": str(error)[:300]})
        return None
    return list(metrics.values())


def _bounded_read(figures: Figures) -> list[Reading]:
    if figures.needs != "database":
        return list(figures.read())
    with transaction.atomic():
        sql.rows(
            # The planner thinks little of indexes on queues, which are empty most of the time.
            "SELECT set_config('statement_timeout', %s, true),"
            " set_config('enable_seqscan', 'off', true)",
            [str(FIGURE_MS)],
        )
        return list(figures.read())


def _database_there() -> bool:
    """One look, so that a database that is away is not waited for once per figure."""
    try:
        return bool(sql.one("SELECT 1"))
    except Error:
        if not connection.in_atomic_block:
            connection.close()
        return False


def text_of_all() -> bytes:
    """Everything, in Prometheus' own text form."""
    figures = CollectorRegistry()
    figures.register(_Installation())  # type: ignore[arg-type]
    return generate_latest(figures) + _text_of_rates()


def _text_of_rates() -> bytes:
    """A file that a process makes at this very moment reads as damaged, so twice."""
    for last in (False, True):
        try:
            return generate_latest(rates.totals())
        except Exception as error:
            if last:
                log.warning("rates left out", extra={"error": str(error)[:300]})
    return b""


def may_scrape(request: HttpRequest) -> bool:
    """A program on this machine, or whoever has the token.

    A proxy on this machine is no such program: what it passes on carries its headers.
    """
    given = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    token = settings.METRICS_TOKEN
    if token and hmac.compare_digest(given.encode(), token.encode()):
        return True
    return _is_loopback(request) and not any(name in request.headers for name in FORWARDED)


def _is_loopback(request: HttpRequest) -> bool:
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Everything for Prometheus; 403 for others."""
    if not may_scrape(request):
        return HttpResponse(
            "Metrics are for this machine, or for bearers of METRICS_TOKEN.\n",
            status=403,
            content_type="text/plain",
        )
    return HttpResponse(text_of_all(), content_type=CONTENT_TYPE_LATEST)

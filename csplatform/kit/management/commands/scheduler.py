"""`manage.py scheduler`: wakes lanes that have work due and starts periodic chores.

Holds a session advisory lock, so a second host's scheduler waits as a stand-by.
"""

import logging
import signal
import threading
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection

from csplatform.kit import heartbeat, sql
from csplatform.kit.jobs import enqueue_periodic, lane_work, periodic, wake
from csplatform.kit.liveness import LEADER_LOCK

log = logging.getLogger(__name__)
TICK_SECONDS = 0.5


class Command(BaseCommand):
    """The clock of the installation."""

    help = "Wake lanes with due work and start periodic chores (one leader per database)."

    def handle(self, *args: Any, **options: Any) -> None:
        """Tick until SIGTERM or SIGINT; a lost database is retried, never fatal."""
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        next_run: dict[str, float] = {}
        while not stop.is_set():
            try:
                if sql.one("SELECT pg_try_advisory_lock(%s)", [LEADER_LOCK]):
                    self._lead(stop, next_run)
            except DatabaseError as error:
                log.warning("database not reachable, retrying: %s", str(error).splitlines()[0])
                connection.close()
            stop.wait(TICK_SECONDS)

    def _lead(self, stop: threading.Event, next_run: dict[str, float]) -> None:
        while not stop.is_set():
            for lane in settings.LANES:
                if any(work.pending() for work in lane_work if work.lane == lane):
                    wake(lane)
            moment = time.monotonic()
            for chore in periodic:
                if next_run.get(chore.key, 0) <= moment and enqueue_periodic(chore.key):
                    next_run[chore.key] = moment + chore.every_seconds
            heartbeat.beat()  # last: a round that hangs is no tick
            stop.wait(TICK_SECONDS)

"""`manage.py worker LANE`: one RQ worker on one queue.

One queue per process: only then does RQ move jobs atomically (a worker on several queues can
lose the job that it just popped).
"""

from typing import Any

import redis
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from rq import Queue, SimpleWorker, Worker
from rq.serializers import JSONSerializer

from csplatform.kit import rates

# The live lanes answer within milliseconds, so they do not fork per job.
FORKING = {"slow"}


class Command(BaseCommand):
    """Work on one lane until told to stop."""

    help = "Run one worker on one lane: live, bulk, outbox or slow."

    def add_arguments(self, parser: CommandParser) -> None:
        """One lane."""
        parser.add_argument("lane", choices=settings.LANES)

    def handle(self, *args: Any, lane: str, **options: Any) -> None:
        """Run until SIGTERM or SIGINT."""
        connection = redis.from_url(settings.REDIS_URL)
        queue = Queue(lane, connection=connection, serializer=JSONSerializer)
        kind = Worker if lane in FORKING else SimpleWorker
        if lane in FORKING:
            rates.forks_for_each_job()
        worker = kind([queue], connection=connection, serializer=JSONSerializer)
        worker.work(logging_level="WARNING")

"""`manage.py bench NAME`: measure, one JSON object per line."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from csplatform.kit import jobs
from csplatform.kit.bench import benches
from csplatform.kit.clock import now
from csplatform.kit.partitions import ensure_partitions


class Command(BaseCommand):
    """Run one benchmark, or all in small sizes. Best on an installation of its own: make bench."""

    help = "Run a benchmark; `all` runs every one at a tenth of its size."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which one, and how large."""
        parser.add_argument("name", choices=["all", *benches.keys()])
        parser.add_argument("--size", type=int)
        parser.add_argument("--json", action="store_true", help="The only form there is.")

    def handle(self, *args: Any, name: str, size: int | None = None, **options: Any) -> None:
        """Run here and now; workers of this installation are not woken."""
        if size is not None and size < 1:
            raise CommandError("--size must be at least 1")
        ensure_partitions(now())
        jobs.sleeping = True
        for key in benches.keys() if name == "all" else [name]:
            bench = benches.get(key)
            count = size or (bench.size // 10 if name == "all" else bench.size)
            for figures in bench.run(count):
                self.stdout.write(json.dumps({"name": key, "size": count, **figures}))
                self.stdout.flush()

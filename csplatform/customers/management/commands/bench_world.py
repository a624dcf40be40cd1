"""`manage.py bench_world`: fill this database with people, companies and events to measure with."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from csplatform.customers import bench_world


class Command(BaseCommand):
    """A million people in a few minutes; best on a database of its own."""

    help = "Add a seeded world of people, companies and events, or take such worlds away again."

    def add_arguments(self, parser: CommandParser) -> None:
        """How large."""
        parser.add_argument("--people", type=int, default=1_000_000)
        parser.add_argument("--companies", type=int, default=100_000)
        parser.add_argument("--events", type=int, default=10_000_000)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--remove", action="store_true", help="Take all of them away.")

    def handle(self, *args: Any, remove: bool = False, **options: Any) -> None:
        """Says how long it took."""
        began = time.monotonic()
        if remove:
            bench_world.remove()
            self.stdout.write(f"removed in {time.monotonic() - began:.0f} s")
            return
        people, companies, events, seed = (
            options[name] for name in ("people", "companies", "events", "seed")
        )
        if people < 1 or companies < 0 or events < 0:
            raise CommandError("at least one person, and no negative numbers")
        bench_world.build(people, companies, events, seed=seed)
        self.stdout.write(
            f"{people:,} people, {companies:,} companies, {events:,} events"
            f" in {time.monotonic() - began:.0f} s"
        )

"""`manage.py demo_tenant`: fill an empty installation with a plausible tenant."""

import random
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from csplatform.customers.models import Company, Person
from csplatform.demo.base import DEMO_PASSWORD, STAFF
from csplatform.demo.parts import World, demo_parts
from csplatform.kit.clock import database_now

SEED = 20_261


class Command(BaseCommand):
    """Build all parts, all or nothing."""

    help = "Build the demo tenant in an empty installation (about 200 companies, 5,000 people)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whether a filled installation is an error."""
        parser.add_argument("--if-empty", action="store_true", help="Do nothing if data is there.")

    def handle(self, *args: Any, if_empty: bool = False, **options: Any) -> None:
        """One transaction: a first start that is interrupted begins anew."""
        if Company.objects.exists() or Person.objects.exists():
            if if_empty:
                return
            raise CommandError(
                "This installation has data already; the demo tenant needs an empty one."
            )
        rng = random.Random(SEED)  # noqa: S311 - the same tenant each time, no secret
        world = World(database_now(), self.stdout.write, rng)
        with transaction.atomic():
            for part in sorted(demo_parts, key=lambda part: part.order):
                began = time.monotonic()
                part.build(world)
                world.say(f"demo tenant: {part.title} ({time.monotonic() - began:.1f} s)")
        self._write_logins()

    def _write_logins(self) -> None:
        """For the runner, which prints it."""
        lines = [f"{username:10} {DEMO_PASSWORD}   {label}" for username, _, label in self._rows()]
        path = Path(settings.DATA_DIR) / "demo-logins.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")

    def _rows(self) -> list[tuple[str, str, str]]:
        return [(username, name, role.label) for username, name, role in STAFF]

"""`manage.py import_config FILE [--dry-run]`."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from csplatform.ascode.importing import import_text
from csplatform.ascode.yamltext import MAX_BYTES
from csplatform.kit.errors import DomainError


class Command(BaseCommand):
    """Import YAML documents: all of them or none."""

    help = "Say in words what a YAML file changes, and apply it; `-` reads standard input."

    def add_arguments(self, parser: CommandParser) -> None:
        """The file, and whether only to look."""
        parser.add_argument("file")
        parser.add_argument("--dry-run", action="store_true", help="Change nothing.")

    def handle(self, *args: Any, file: str, dry_run: bool, **options: Any) -> None:
        """One paragraph per document."""
        try:
            done = import_text(_read(file), actor=None, dry_run=dry_run)
        except DomainError as error:
            said = [f"{p.path or file}: {p.message}" for p in error.problems]
            raise CommandError("\n".join([*said, "Nothing was changed."])) from None
        for change in done.changes:
            self.stdout.write(f"{change.label} “{change.name}”: {change.what}")
            for sentence in change.sentences:
                self.stdout.write(f"  {sentence}")
            for remark in change.remarks:
                self.stdout.write(f"  Still to do: {remark.message}")
        self.stdout.write("Nothing was changed (dry run)." if dry_run else "Done.")


def _read(file: str) -> bytes:
    """At most one byte more than is taken, so that a huge file is refused and not read."""
    try:
        if file == "-":
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with Path(file).open("rb") as source:
            return source.read(MAX_BYTES + 1)
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from None

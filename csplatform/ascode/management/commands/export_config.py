"""`manage.py export_config KIND NAME > file.yaml`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from csplatform.ascode.exporting import export_text, find_rows
from csplatform.ascode.kind import export_kinds
from csplatform.kit.errors import DomainError


class Command(BaseCommand):
    """Write objects as YAML documents to standard output."""

    help = "Export objects by name as YAML; without a name, all of the kind."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which kind, and which of it."""
        parser.add_argument("kind", choices=export_kinds.keys())
        parser.add_argument("names", nargs="*", metavar="NAME")

    def handle(self, *args: Any, kind: str, names: list[str], **options: Any) -> None:
        """Print the documents."""
        found = export_kinds.get(kind)
        try:
            rows = (
                find_rows(found, names)
                if names
                else list(found.model._default_manager.order_by("name", "pk"))
            )
            if rows:
                text = export_text([(found, row) for row in rows], actor=None)
                self.stdout.write(text, ending="")
        except DomainError as error:
            raise CommandError("\n".join(p.message for p in error.problems)) from None

"""manage.py import_file KIND FILE: an import with its progress on the terminal."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from csplatform.imports.models import ImportRun
from csplatform.imports.operations import set_mapping, start, upload
from csplatform.imports.running import run_all
from csplatform.kit.errors import DomainError


class Command(BaseCommand):
    """Try or import a file; Ctrl-C leaves it where it is, and the worker goes on with it."""

    help = "Import people, companies or events from a CSV or Excel file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What and how."""
        parser.add_argument("kind", help="people, companies, events ...")
        parser.add_argument("file", type=Path)
        parser.add_argument("--map", action="append", default=[], metavar="HEADING=TARGET",
                            help="where a heading does not tell what it means")  # fmt: skip
        parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE",
                            help="dates=day_first|month_first, numbers=point|comma, "
                                 "empty=leave|clear, event=NAME")  # fmt: skip
        parser.add_argument("--dry-run", action="store_true", help="try all rows, write none")

    def handle(self, *args: Any, **options: Any) -> None:
        """Upload, map, run, tell."""
        try:
            content = options["file"].read_bytes()
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror}") from None
        try:
            run = upload(options["kind"], options["file"].name, content, actor=None)
            mapping = {**run.mapping, **_pairs(options["map"], run.columns)}
            set_mapping(run.pk, mapping, _split(options["option"]), actor=None)
            start(run.pk, actor=None, dry_run=options["dry_run"])
        except DomainError as error:
            raise CommandError("\n".join(p.message for p in error.problems)) from None
        for seen in run_all(run.pk):
            self.stderr.write(f"{seen.done:,} of {seen.total:,} rows", ending="\r")
            run = seen
        self._tell(run)

    def _tell(self, run: ImportRun) -> None:
        self.stderr.write("")
        self.stdout.write(
            f"{run.get_state_display()}: {run.created:,} created, {run.updated:,} updated,"
            f" {run.unchanged:,} unchanged, {run.failed:,} refused"
        )
        for problem in run.problems.order_by("row", "pk")[:50]:
            place = f", {problem.column}" if problem.column else ""
            self.stdout.write(f"row {problem.row}{place}: {problem.message}")
        if run.error:
            raise CommandError(run.error)


def _split(pairs: list[str]) -> dict[str, str]:
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs)}


def _pairs(pairs: list[str], columns: list[str]) -> dict[str, str]:
    found = {}
    for heading, target in _split(pairs).items():
        if heading not in columns:
            raise CommandError(f"The file has no column “{heading}”.")
        found[str(columns.index(heading))] = target
    return found

"""Uploading, mapping, trying, starting, cancelling: what staff do with an import."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from django.db import transaction

from csplatform.imports.kind import ImportKind, import_kinds
from csplatform.imports.mapping import Options, check_mapping, guess
from csplatform.imports.models import ACTIVE, ImportChunk, ImportRun, RunState
from csplatform.imports.reading import read_file
from csplatform.kit import audit
from csplatform.kit.clock import database_now
from csplatform.kit.errors import Conflict, DomainError
from csplatform.kit.jobs import wake_on_commit
from csplatform.kit.permissions import require
from csplatform.kit.schema import parse_config

CHUNK = 500
SAMPLE = 5


def require_kind(kind: ImportKind, actor: Any) -> None:
    """Refuse whoever may not write such rows by hand."""
    for permission in kind.permissions:
        require(actor, permission)


def upload(kind_key: str, file_name: str, content: bytes, *, actor: Any) -> ImportRun:
    """Read a file and keep its rows; its columns are mapped as far as their headings tell.

    Raises DomainError for an unknown kind and for what cannot be read.
    """
    if kind_key not in import_kinds:
        raise DomainError("Choose what the rows are.", path="/kind", code="unknown")
    kind = import_kinds.get(kind_key)
    require_kind(kind, actor)
    with transaction.atomic():
        sheet = read_file(file_name, content)
        run = ImportRun.objects.create(
            kind=kind.key, file_name=file_name[-200:] or "pasted", columns=sheet.columns,
            mapping=guess(sheet.columns, kind.targets()), made_by=actor, made_at=database_now(),
        )  # fmt: skip
        _keep(run, sheet.rows)
        if not run.total:
            raise DomainError("The file has headings, but no rows.", code="empty")
        audit.record(actor, "import.upload", run, after={"kind": kind.key, "rows": run.total})
    return run


def _keep(run: ImportRun, rows: Iterator[tuple[int, list[str]]]) -> None:
    number = 0
    while piece := list(islice(rows, CHUNK)):
        # rows that are left out (blank ones) make gaps, so each row carries its number
        cells = [[str(place), *line] for place, line in piece]
        ImportChunk.objects.create(run=run, number=number, first_row=piece[0][0], rows=cells)
        run.total += len(piece)
        run.chunks += 1
        if not run.sample:
            run.sample = [line for _, line in piece[:SAMPLE]]
        number += 1
    run.save(update_fields=["total", "chunks", "sample"])


def set_mapping(
    run_id: int, mapping: Mapping[str, Any], options: Mapping[str, Any], *, actor: Any
) -> ImportRun:
    """Say what the columns mean and how things are written. Raises DomainError with paths."""
    with transaction.atomic():
        run, kind = _locked(run_id, actor)
        if run.state not in (RunState.NEW, RunState.CHECKED, RunState.CANCELLED):
            raise Conflict("It is under way or over; its columns are settled.", code="state")
        given = parse_config(Options, dict(options), "/options")
        columns = check_mapping(mapping, run.columns, kind.targets())
        mapped = {column.target.name for column in columns} | ({"name"} if given.event else set())
        if lacking := kind.lacking(mapped):
            raise DomainError(lacking, path="/mapping", code="lacking")
        if run.state == RunState.CANCELLED and run.was == RunState.RUNNING:
            raise Conflict("Some rows are in already; its columns are settled.", code="state")
        run.mapping = {str(column.place): column.target.name for column in columns}
        run.options, run.state = given.model_dump(), RunState.NEW
        run.save(update_fields=["mapping", "options", "state"])
    return run


def start(run_id: int, *, actor: Any, dry_run: bool) -> ImportRun:
    """Try all rows and take them back, or write them; the bulk lane does it, chunk by chunk."""
    with transaction.atomic():
        run, kind = _locked(run_id, actor)
        if run.state not in (RunState.NEW, RunState.CHECKED):
            raise Conflict("It is under way already, or over.", code="state")
        columns = check_mapping(run.mapping, run.columns, kind.targets())
        named = {"name"} if run.options.get("event") else set()
        if lacking := kind.lacking({column.target.name for column in columns} | named):
            raise DomainError(lacking, path="/mapping", code="lacking")
        run.problems.all().delete()
        for name in ("done_chunks", "done", "created", "updated", "unchanged", "failed", "noted"):
            setattr(run, name, 0)
        run.state = RunState.CHECKING if dry_run else RunState.RUNNING
        run.started_at, run.ended_at, run.error = database_now(), None, ""
        run.save()
        audit.record(actor, f"import.{'check' if dry_run else 'start'}", run)
        wake_on_commit("bulk")
    return run


def cancel(run_id: int, *, actor: Any) -> ImportRun:
    """Stop at the next chunk; what is in stays in, and it can go on from there."""
    with transaction.atomic():
        run, _ = _locked(run_id, actor)
        if run.state not in ACTIVE:
            raise Conflict("It is not under way.", code="state")
        run.was, run.state = run.state, RunState.CANCELLED
        run.ended_at = database_now()
        run.save(update_fields=["was", "state", "ended_at"])
        audit.record(actor, "import.cancel", run, after={"rows": run.done})
    return run


def resume(run_id: int, *, actor: Any) -> ImportRun:
    """Go on where it was cancelled, or where it failed."""
    with transaction.atomic():
        run, _ = _locked(run_id, actor)
        if run.state not in (RunState.CANCELLED, RunState.FAILED) or run.was not in ACTIVE:
            raise Conflict("There is nothing to go on with.", code="state")
        if not run.pieces.filter(number__gte=run.done_chunks).exists():
            raise Conflict("Its rows are no longer kept; upload the file again.", code="gone")
        run.state, run.ended_at, run.error = run.was, None, ""
        run.save(update_fields=["state", "ended_at", "error"])
        audit.record(actor, "import.resume", run)
        wake_on_commit("bulk")
    return run


def delete_runs(ids: Sequence[int], *, actor: Any) -> int:
    """Forget imports and what is kept of their files; what they brought in stays."""
    require(actor, "imports.delete_importrun")
    with transaction.atomic():
        runs = list(ImportRun.objects.select_for_update().filter(pk__in=ids).order_by("pk"))
        if busy := [run for run in runs if run.state in ACTIVE]:
            raise Conflict(f"“{busy[0]}” is under way: cancel it first.", code="state")
        for run in runs:
            audit.record(actor, "import.delete", run)
            run.delete()
    return len(runs)


def _locked(run_id: int, actor: Any) -> tuple[ImportRun, ImportKind]:
    run = ImportRun.objects.select_for_update().get(pk=run_id)
    if run.kind not in import_kinds:
        raise Conflict(f"“{run.kind}” is no known kind of import (any more).", code="unknown")
    kind = import_kinds.get(run.kind)
    require_kind(kind, actor)
    return run, kind

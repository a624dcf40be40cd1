"""The work itself: a chunk of rows and the count of it in one commit."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from django.db import transaction

from csplatform.imports.kind import ImportKind, Row, Written, import_kinds
from csplatform.imports.mapping import Column, Options, check_mapping, read_row
from csplatform.imports.models import ACTIVE, ImportChunk, ImportProblem, ImportRun, RunState
from csplatform.kit.clock import database_now
from csplatform.kit.errors import DomainError, Problem
from csplatform.kit.jobs import NOBODYS_FAULT, wake_on_commit

log = logging.getLogger(__name__)
MAX_PROBLEMS = 20_000


@dataclass
class Line:
    """One row on its way."""

    number: int
    cells: list[str]
    row: Row = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    written: Written | None = None


def pending() -> bool:
    """Whether an import is under way."""
    return ImportRun.objects.filter(state__in=ACTIVE).order_by("pk").exists()


def run_chunk() -> int:
    """Do the next chunk of the oldest import under way; how many rows it had (at least 1)."""
    with transaction.atomic():
        # Locked to the end: cancelling waits for the chunk, a second worker takes another run.
        runs = ImportRun.objects.select_for_update(skip_locked=True, of=("self",))
        run = runs.filter(state__in=ACTIVE).select_related("made_by").order_by("pk").first()
        if run is None:
            return 0
        try:
            with transaction.atomic():
                count = _step(run)
        except NOBODYS_FAULT:
            raise
        except Exception as error:
            # A fault of ours, not of a row: stop visibly; going on tries this chunk again.
            log.exception("import stopped", extra={"import": run.pk})
            run.was, run.state = run.state, RunState.FAILED
            run.error = f"{type(error).__name__}: {error}"[:1000]
            run.ended_at = database_now()
            run.save(update_fields=["was", "state", "error", "ended_at"])
            count = 1
        wake_on_commit("bulk")
    return max(count, 1)


def _step(run: ImportRun) -> int:
    piece = ImportChunk.objects.filter(run=run, number=run.done_chunks).first()
    if piece is None:
        _finish(run)
        return 0
    kind = import_kinds.get(run.kind)
    columns = check_mapping(run.mapping, run.columns, kind.targets())
    lines = [Line(int(number), cells) for number, *cells in piece.rows]
    _read(lines, columns, Options(**run.options))
    dry = run.state == RunState.CHECKING
    with transaction.atomic():
        _write(kind, lines, run)
        if dry:
            transaction.set_rollback(True)
    _count(run, lines, {column.target.name: column for column in columns})
    if run.done_chunks == run.chunks:
        _finish(run)
    return len(lines)


def _read(lines: Sequence[Line], columns: Sequence[Column], options: Options) -> None:
    for line in lines:
        try:
            row = read_row(line.cells, columns, options, 0)
        except DomainError as error:
            line.problems += error.problems
            continue
        line.row = {"name": options.event, **row} if options.event else row


def _write(kind: ImportKind, lines: Sequence[Line], run: ImportRun) -> None:
    """Write the rows that can be: those refused are taken out, and the others tried again."""
    left = [line for line in lines if not line.problems]
    while left:
        keys = [f"import:{run.pk}:{line.number}" for line in left]
        try:
            with transaction.atomic():
                done = kind.write([line.row for line in left], keys=keys, actor=run.made_by)
        except DomainError as error:
            _blame(left, error)
            left = [line for line in left if not line.problems]
            continue
        for line, written in zip(left, done, strict=True):
            line.written = written
        return


def _blame(left: Sequence[Line], error: DomainError) -> None:
    """Problems to their rows; one without a row stands at all of them."""
    for problem in error.problems:
        index = problem.path.split("/")[1] if problem.path.startswith("/") else ""
        guilty = [left[int(index)]] if index.isdecimal() and int(index) < len(left) else left
        for line in guilty:
            line.problems.append(problem)


def _count(run: ImportRun, lines: Sequence[Line], columns: dict[str, Column]) -> None:
    """Figures and problems of a chunk."""
    found: list[ImportProblem] = []
    for line in lines:
        for problem in line.problems:
            target = problem.path.rsplit("/", 1)[-1]
            heading = columns[target].heading if target in columns else ""
            found.append(_problem(run, line, heading, problem.message))
        for target, note in line.written.notes if line.written else ():
            heading = columns[target].heading if target in columns else ""
            found.append(_problem(run, line, heading, note, is_note=True))
    run.done_chunks += 1
    run.done += len(lines)
    run.failed += sum(1 for line in lines if line.problems)
    run.noted += sum(1 for line in lines if line.written and line.written.notes)
    for what in ("created", "updated", "unchanged"):
        count = sum(1 for line in lines if line.written and line.written.what == what)
        setattr(run, what, getattr(run, what) + count)
    run.save(
        update_fields=["done_chunks", "done", "failed", "noted", "created", "updated", "unchanged"]
    )
    kept = ImportProblem.objects.filter(run=run).count() if found else 0
    ImportProblem.objects.bulk_create(found[: max(MAX_PROBLEMS - kept, 0)])


def _problem(
    run: ImportRun, line: Line, column: str, message: str, *, is_note: bool = False
) -> ImportProblem:
    return ImportProblem(
        run=run, row=line.number, column=column, message=message[:2000], is_note=is_note,
        cells=line.cells,
    )  # fmt: skip


def _finish(run: ImportRun) -> None:
    run.state = RunState.CHECKED if run.state == RunState.CHECKING else RunState.DONE
    run.ended_at = database_now()
    run.save(update_fields=["state", "ended_at"])
    if run.state == RunState.DONE:
        run.pieces.all().delete()


def purge(days: int = 7) -> int:
    """Let go of files and rows that nobody came back to; how many imports (periodic chore)."""
    old = database_now() - timedelta(days=days)
    ids = list(
        ImportRun.objects.filter(made_at__lt=old)
        .exclude(state__in=ACTIVE)
        .values_list("pk", flat=True)
    )
    ImportChunk.objects.filter(run__in=ids).delete()
    ImportProblem.objects.filter(run__in=ids).exclude(cells=[]).update(cells=[])
    return ImportRun.objects.filter(pk__in=ids).exclude(sample=[]).update(sample=[])


def run_all(run_id: int) -> Iterator[ImportRun]:
    """Work an import off in this process, yielding the run after each chunk (for the terminal)."""
    while True:
        run_chunk()
        run = ImportRun.objects.get(pk=run_id)
        yield run
        if not run.is_active:
            return

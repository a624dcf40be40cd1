"""Rows to documents."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from django.db.models import prefetch_related_objects

from csplatform.ascode.kind import ExportKind, export_kinds
from csplatform.ascode.yamltext import dump_documents
from csplatform.kit.errors import DomainError, Problem
from csplatform.kit.permissions import require

Reference = tuple[str, Any]
MOST_PROBLEMS = 20


def export_text(pairs: Sequence[tuple[ExportKind, Any]], *, actor: Any) -> str:
    """The YAML of rows, one document each; names are read with one query per kind pointed at.

    Raises NotAllowed, or DomainError for what cannot be told by names: things that are gone, and
    two of one name.
    """
    for kind in {kind.key: kind for kind, _ in pairs}.values():
        require(actor, kind.permission)
    return dump_documents(documents_of(pairs))


def documents_of(pairs: Sequence[tuple[ExportKind, Any]]) -> list[dict[str, Any]]:
    """The documents of rows, with names in place of ids. Raises DomainError with all that cannot
    be told by names."""
    for kind in {kind.key: kind for kind, _ in pairs}.values():
        prefetch_related_objects([row for of, row in pairs if of is kind], *kind.related)
    drafts = [(kind, row, kind.document(row)) for kind, row in pairs]
    wanted: set[Reference] = set()

    def gather(type_: str, value: Any, path: str) -> Any:
        wanted.add((type_, value))
        return value

    for kind, _, data in drafts:
        kind.swapped(data, "", gather)
    naming = _Naming(wanted)
    found = []
    for kind, row, data in drafts:
        naming.whose = f"“{row.name}”"
        settings = kind.swapped(data, "", naming.name)
        found.append({"kind": kind.key, "name": row.name, **settings})
    naming.refuse()
    return found


def find_rows(kind: ExportKind, names: Sequence[str]) -> list[Any]:
    """The one row of each name, one query. Raises DomainError for names of none and of several."""
    there: dict[str, list[Any]] = {}
    for row in kind.rows(names):
        there.setdefault(row.name, []).append(row)
    problems = []
    for name in names:
        if name not in there:
            problems.append(Problem("/name", f"There is no {kind.label} “{name}”.", "unknown"))
        elif len(there[name]) > 1:
            text = several(kind, name, len(there[name]))
            problems.append(Problem("/name", text, "ambiguous"))
    if problems:
        raise DomainError(problems)
    return [there[name][0] for name in names]


def several(kind: ExportKind, name: str, count: int) -> str:
    """What to do about one name for many."""
    number = "Two" if count == 2 else str(count)
    return f"{number} {kind.label}s are called “{name}”: rename all but one."


class _Naming:
    """Ids to names, asked for at once."""

    def __init__(self, wanted: Iterable[Reference]) -> None:
        ids: dict[str, set[int]] = {}
        for type_, value in wanted:
            if isinstance(value, int):
                ids.setdefault(type_, set()).add(value)
        self._names = {type_: export_kinds.get(type_).names(of) for type_, of in ids.items()}
        self._counts = {
            type_: counted(export_kinds.get(type_), set(names.values()))
            for type_, names in self._names.items()
        }
        self._problems: list[Problem] = []
        self.whose = ""

    def name(self, type_: str, value: Any, path: str) -> Any:
        name = self._names.get(type_, {}).get(value)
        kind = export_kinds.get(type_)
        if name is None:
            text = f"This points at a {kind.label} that is gone: choose another one first."
            self._problem(path, text, "gone")
        elif self._counts[type_].get(name, 0) > 1:
            text = several(kind, name, self._counts[type_][name])
            self._problem(path, text, "ambiguous")
        return name

    def _problem(self, path: str, text: str, code: str) -> None:
        self._problems.append(Problem(path, f"{self.whose}: {text}", code))

    def refuse(self) -> None:
        if self._problems:
            raise DomainError(self._problems[:MOST_PROBLEMS])


def counted(kind: ExportKind, names: Collection[str]) -> dict[str, int]:
    """How many rows each of these names has."""
    found: dict[str, int] = {}
    for name in kind.model._default_manager.filter(name__in=names).values_list("name", flat=True):
        found[name] = found.get(name, 0) + 1
    return found

"""Rows to documents."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from csplatform.ascode.kind import ExportKind, export_kinds
from csplatform.ascode.yamltext import dump_documents
from csplatform.kit.errors import DomainError, Problem
from csplatform.kit.permissions import require

Reference = tuple[str, Any]


def export_text(pairs: Sequence[tuple[ExportKind, Any]], *, actor: Any) -> str:
    """The YAML of rows, one document each; names are read with one query per kind pointed at.

    Raises NotAllowed, or DomainError for what cannot be told by names: things that are gone, and
    two of one name.
    """
    for kind in {kind.key: kind for kind, _ in pairs}.values():
        require(actor, kind.permission)
    return dump_documents(documents_of(pairs))


def documents_of(pairs: Sequence[tuple[ExportKind, Any]]) -> list[dict[str, Any]]:
    """The documents of rows, with names in place of ids."""
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
        settings = kind.swapped(data, "", naming.name)
        found.append({"kind": kind.key, "name": row.name, **settings})
        naming.refuse(f"“{row.name}”")
    return found


def find_row(kind: ExportKind, name: str) -> Any:
    """The one row of a name. Raises DomainError when there is none, or more than one."""
    rows = kind.rows([name])
    if not rows:
        raise DomainError(f"There is no {kind.label} “{name}”.", path="/name", code="unknown")
    if len(rows) > 1:
        raise DomainError(several(kind, name, len(rows)), path="/name", code="ambiguous")
    return rows[0]


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

    def name(self, type_: str, value: Any, path: str) -> Any:
        name = self._names.get(type_, {}).get(value)
        kind = export_kinds.get(type_)
        if name is None:
            text = f"This points at a {kind.label} that is gone: choose another one first."
            self._problems.append(Problem(path, text, "gone"))
        elif self._counts[type_].get(name, 0) > 1:
            text = several(kind, name, self._counts[type_][name])
            self._problems.append(Problem(path, text, "ambiguous"))
        return name

    def refuse(self, whose: str) -> None:
        if self._problems:
            raise DomainError([Problem(p.path, f"{whose}: {p.message}", p.code)
                               for p in self._problems])  # fmt: skip


def counted(kind: ExportKind, names: Collection[str]) -> dict[str, int]:
    """How many rows each of these names has."""
    found: dict[str, int] = {}
    for name in kind.model._default_manager.filter(name__in=names).values_list("name", flat=True):
        found[name] = found.get(name, 0) + 1
    return found

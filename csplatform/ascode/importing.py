"""Documents to rows: everything or nothing.

A dry run does all that the import would do, through the same operations, and takes it back: so it
says exactly what would happen, and asks for the same permissions.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import transaction

from csplatform.ascode.exporting import several
from csplatform.ascode.kind import Change, ExportKind, Fields, export_kinds
from csplatform.ascode.yamltext import load_documents
from csplatform.kit import sql
from csplatform.kit.errors import Conflict, DomainError, NotAllowed, Problem
from csplatform.kit.permissions import require
from csplatform.kit.schema import parse_config

# One import at a time: names are looked up first and taken afterwards.
_LOCK = 720_471_183
UPDATE, REUSE, CREATE = "update", "reuse", "create"
Key = tuple[str, str]


@dataclass
class Parsed:
    """One document, read.

    Attributes:
        data: all its settings, defaults filled in, with names where ids will be.
        policy: what to do when there is one of this name: change it, leave it as it is and point
            at it, or make another one.
        needs: documents of the same file that must be there first.
    """

    index: int
    kind: ExportKind
    name: str
    data: dict[str, Any]
    policy: str = UPDATE
    needs: list[Key] = field(default_factory=list)

    @property
    def path(self) -> str:
        """Its place in the file."""
        return f"/documents/{self.index}"

    @property
    def key(self) -> Key:
        """What it is found by."""
        return (self.kind.key, self.name)


@dataclass(frozen=True)
class Imported:
    """What an import did, or would do.

    Attributes:
        state: stands for the text and all that is there now; given to the import that follows a
            look, it refuses when either has changed in between.
    """

    changes: tuple[Change, ...]
    state: str
    dry_run: bool

    @property
    def writes(self) -> bool:
        """Whether there is anything to apply."""
        return any(change.what in ("created", "changed") for change in self.changes)


class _TakenBack(Exception):
    """Ends a dry run."""


def import_text(
    given: str | bytes, *, actor: Any, dry_run: bool = False, state: str = ""
) -> Imported:
    """Import the documents of a YAML text.

    Args:
        state: the `state` of an earlier dry run; "" to import whatever has happened since.

    Raises DomainError with paths such as /documents/2/steps/0/config/template, NotAllowed, or
    Conflict when something changed since the dry run.
    """
    documents = read_documents(load_documents(given))
    digest = hashlib.sha256(given if isinstance(given, bytes) else given.encode()).hexdigest()
    return apply_documents(documents, actor=actor, dry_run=dry_run, state=state, salt=digest)


def read_documents(items: Sequence[dict[str, Any]]) -> list[Parsed]:
    """Documents whose keys and types fit. Raises DomainError with all that does not."""
    problems: list[Problem] = []
    found: dict[Key, Parsed] = {}
    for index, item in enumerate(items):
        try:
            document = _read(index, item)
        except DomainError as error:
            problems += error.problems
            continue
        if (other := found.get(document.key)) is not None:
            text = f"The document {other.path} is the same {document.kind.label}: remove one."
            problems.append(Problem(f"{document.path}/name", text, "twice"))
        found[document.key] = document
    if problems:
        raise DomainError(problems)
    return list(found.values())


def _read(index: int, item: dict[str, Any]) -> Parsed:
    path = f"/documents/{index}"
    key, name = item.get("kind"), item.get("name")
    if not isinstance(key, str) or key not in export_kinds:
        known = ", ".join(export_kinds.keys())
        raise DomainError(f"The kind is one of {known}.", path=f"{path}/kind", code="kind")
    if not isinstance(name, str) or not name.strip():
        text = "Give it a name (in quotes, if it is a number)."
        raise DomainError(text, path=f"{path}/name", code="missing")
    kind = export_kinds.get(key)
    settings = {word: value for word, value in item.items() if word not in ("kind", "name")}
    parsed: Fields = parse_config(kind.Document, settings, path)
    return Parsed(index, kind, name.strip(), parsed.model_dump())


def apply_documents(
    documents: Sequence[Parsed], *, actor: Any, dry_run: bool = False, state: str = "",
    salt: str = "",
) -> Imported:  # fmt: skip
    """Write documents, those first that others point at; all of them or none."""
    done: Imported | None = None
    try:
        with transaction.atomic():
            sql.one("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            run = _Run(documents, actor)
            seen = run.seen(salt)
            if state and state != seen:
                text = "Something changed since you looked at it: look at the differences again."
                raise Conflict(text, code="stale")
            done = Imported(run.write(), seen, dry_run)
            if dry_run:
                raise _TakenBack
    except _TakenBack:
        pass
    assert done is not None  # anything else has raised
    return done


class _Run:
    """One import inside its transaction.

    Rows are looked up unlocked, so that an import holds up nobody whose things stay as they are;
    what is going to be changed is locked and read again.
    """

    def __init__(self, documents: Sequence[Parsed], actor: Any) -> None:
        self.documents = {document.key: document for document in documents}
        self.actor = actor
        self.problems: list[Problem] = []
        self.refused = False
        self.there: dict[Key, list[Any]] = {}
        self.ids: dict[Key, int] = {}
        self._look_up()

    def seen(self, salt: str) -> str:
        """A digest of the text and of what stands in its place now."""
        now = [
            [*key, *(document.kind.document(row) for row in self.there.get(key, ()))]
            for key, document in sorted(self.documents.items())
        ]
        told = json.dumps([salt, now], sort_keys=True, default=str)
        return hashlib.sha256(told.encode()).hexdigest()

    def write(self) -> tuple[Change, ...]:
        """Every document in its turn. Raises DomainError with all that is wrong."""
        self._refuse()
        changes = []
        for document in self._in_order():
            try:
                with transaction.atomic():
                    changes.append(self._one(document))
            except DomainError as error:
                self._not(error, document.path)
        self._refuse()
        return tuple(sorted(changes, key=lambda change: change.index))

    def _look_up(self) -> None:
        """Rows of all names, in the file and pointed at: one query per kind."""
        names: dict[str, set[str]] = {}
        for key, name in self.documents:
            names.setdefault(key, set()).add(name)
        pointed: list[tuple[Parsed, Key, str]] = []

        def gather(type_: str, value: Any, path: str) -> Any:
            if not isinstance(value, str):
                label = export_kinds.get(type_).label
                text = f"Give the {label}’s name (in quotes, if it is a number)."
                self.problems.append(Problem(path, text, "name"))
            else:
                pointed.append((document, (type_, value), path))
                names.setdefault(type_, set()).add(value)
            return value

        for document in self.documents.values():
            document.kind.swapped(document.data, document.path, gather)
        hidden = self._hidden(names)
        for type_ in names.keys() - hidden.keys():
            for row in export_kinds.get(type_).rows(names[type_]):
                self.there.setdefault((type_, row.name), []).append(row)
        for document in self.documents.values():
            self._place(document, hidden.get(document.kind.key))
        for owner, to, path in pointed:
            if error := hidden.get(to[0]):
                self._not(error, path)
            else:
                self._point(owner, to, path)

    def _place(self, document: Parsed, hidden: NotAllowed | None) -> None:
        """A document's own name: of a kind that may be seen, and of one thing at most."""
        rows = self.there.get(document.key, [])
        if hidden:
            self._not(hidden, f"{document.path}/kind")
        elif len(rows) > 1 and document.policy != CREATE:
            text = several(document.kind, document.name, len(rows))
            self.problems.append(Problem(f"{document.path}/name", text, "ambiguous"))

    def _hidden(self, types: Iterable[str]) -> dict[str, NotAllowed]:
        """Kinds that the actor may not see. Nothing is said about their names: “unchanged” and
        “there is none” would tell what is there, one guess at a time."""
        found = {}
        for type_ in types:
            kind = export_kinds.get(type_)
            try:
                require(self.actor, kind.permission)
            except NotAllowed:
                text = f"Your role may not see any {kind.label}, so no import can name one."
                found[type_] = NotAllowed(text, code=kind.permission)
        return found

    def _not(self, error: DomainError, path: str) -> None:
        """Keep what stands against the import, with its place in the file."""
        self.refused = self.refused or isinstance(error, NotAllowed)
        self.problems += [replace(p, path=f"{path}{p.path}") for p in error.problems]

    def _point(self, document: Parsed, key: Key, path: str) -> None:
        """One name in a document: in the same file, or exactly one that is there."""
        if key in self.documents:
            if key != document.key:
                document.needs.append(key)
            return
        rows, kind = self.there.get(key, []), export_kinds.get(key[0])
        if not rows:
            text = f"There is no {kind.label} “{key[1]}”; put it into the file or correct the name."
            self.problems.append(Problem(path, text, "unknown"))
        elif len(rows) > 1:
            self.problems.append(Problem(path, several(kind, key[1], len(rows)), "ambiguous"))
        else:
            self.ids[key] = rows[0].pk

    def _in_order(self) -> list[Parsed]:
        """What is pointed at comes first; things that are there already may point in a circle."""
        for document in self.documents.values():
            if (rows := self.there.get(document.key)) and document.policy != CREATE:
                self.ids[document.key] = rows[0].pk
        found: dict[Key, Parsed] = {}
        waiting = dict(self.documents)
        while waiting:
            ready = [d for d in waiting.values() if not any(n in waiting for n in d.needs)] or [
                d for d in waiting.values() if all(n in self.ids or n in found for n in d.needs)
            ]
            if not ready:
                first = next(iter(waiting.values()))
                text = "This and other documents of the file point at each other in a circle."
                raise DomainError(text, path=first.path, code="circle")
            for document in ready:
                found[document.key] = waiting.pop(document.key)
        return list(found.values())

    def _one(self, document: Parsed) -> Change:
        kind, rows = document.kind, self.there.get(document.key, [])
        row = rows[0] if rows and document.policy != CREATE else None
        change = Change(document.index, kind.key, kind.label, document.name, "reused")
        if row is not None and document.policy == REUSE:
            self.ids[document.key] = row.pk
            return replace(change, row=row, url=kind.url(row))
        new = kind.normal(kind.swapped(document.data, "", self._id))
        if row is None:
            made = kind.create(document.name, new, self.actor)
            self.ids[document.key] = made.pk
            change = replace(change, what="created", sentences=tuple(kind.differences({}, new)))
            return self._checked(replace(change, row=made, url=kind.url(made)), kind)
        old = kind.comparable(kind.document(row), row)
        new = kind.comparable(new, row)
        change = replace(change, row=row, url=kind.url(row))
        if _same(old, new):
            return replace(change, what="unchanged")
        said = tuple(kind.differences(old, new))
        kind.change(self._held(kind, row), new, self.actor)
        return self._checked(replace(change, what="changed", sentences=said), kind)

    def _held(self, kind: ExportKind, seen: Any) -> Any:
        """The row, locked until the import is over, and still as it was compared. Raises Conflict
        when somebody saved it since: writing would undo what they did."""
        rows = kind.model._default_manager.select_for_update(no_key=True)
        row: Any = rows.filter(pk=seen.pk).first()
        if row is None or row.name != seen.name or not _same(
            kind.document(row), kind.document(seen)
        ):  # fmt: skip
            text = "Somebody else changed this during the import: look at the differences again."
            raise Conflict(text, code="stale")
        return row

    def _checked(self, change: Change, kind: ExportKind) -> Change:
        """With what is left to do. Raises DomainError for what an editor would not have let be."""
        row = kind.model._default_manager.get(pk=change.row.pk)
        remarks = kind.remarks(row)
        if wrong := [remark for remark in remarks if remark.level == "error"]:
            raise DomainError(wrong)
        return replace(change, row=row, remarks=tuple(remarks))

    def _id(self, type_: str, value: Any, path: str) -> Any:
        found = self.ids.get((type_, value))
        if found is None:  # a document of this file that could not be written; told there
            text = f"“{value}” could not be written, so nothing can point at it."
            raise DomainError(text, path=path, code="unknown")
        return found

    def _refuse(self) -> None:
        if not self.problems:
            return
        if self.refused:
            raise NotAllowed(self.problems)
        if any(problem.code == "stale" for problem in self.problems):
            raise Conflict(self.problems)
        raise DomainError(self.problems)


def _same(old: Any, new: Any) -> bool:
    """Equal as JSON: true is not 1, the order of keys does not matter."""
    return json.dumps(old, sort_keys=True) == json.dumps(new, sort_keys=True)

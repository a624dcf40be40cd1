"""The contract of something that can be exported and imported."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django.db.models import Model
from django.urls import reverse
from pydantic import ConfigDict

from csplatform.ascode.difference import differences
from csplatform.ascode.references import Swap, in_settings
from csplatform.kit.errors import Problem
from csplatform.kit.registry import Registry
from csplatform.kit.schema import Config


class Fields(Config):
    """Base of the settings of a document, after `kind` and `name`. Types are taken literally."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, str_strip_whitespace=False)


class ExportKind:
    """One kind of document. Subclass, set the attributes, register in `registrations.py`.

    Data here is a dict of `Document`'s fields, with ids where things point at others; the room
    swaps ids for names and back. Rows are found by their name, which is the natural key.

    Attributes:
        key, label: as in `kind:`, and how one of it is called in sentences.
        model: the Django model; its `name` is the key in documents.
        Document: the settings; a title for each, `{"reference": type}` for ids,
            `{"widget": "rule"}` for rules.
        subject_field: field of Document that says whom its rules are about; "" for "person".
        related: relations that `document` reads, fetched for many rows at once.
    """

    key: ClassVar[str]
    label: ClassVar[str]
    model: ClassVar[type[Model]]
    Document: ClassVar[type[Fields]]
    subject_field: ClassVar[str] = ""
    related: ClassVar[tuple[str, ...]] = ()

    @property
    def permission(self) -> str:
        """What one must be allowed to export it, to compare a file with it or to point at it."""
        return f"{self.model._meta.app_label}.view_{self.model._meta.model_name}"

    def rows(self, names: Collection[str]) -> Sequence[Any]:
        """Rows of these names."""
        found = self.model._default_manager.filter(name__in=names).order_by("pk")
        return list(found.prefetch_related(*self.related))

    def names(self, ids: Collection[int]) -> dict[int, str]:
        """Id to name, one query."""
        found = self.model._default_manager.filter(pk__in=ids)
        return dict(found.values_list("pk", "name"))

    def subject(self, data: dict[str, Any]) -> str:
        """Whom rules in it are about."""
        return str(data.get(self.subject_field) or "person")

    def document(self, row: Any) -> dict[str, Any]:
        """A row's settings, ids as stored."""
        return {name: getattr(row, name) for name in self.Document.model_fields}

    def swapped(self, data: dict[str, Any], path: str, swap: Swap) -> dict[str, Any]:
        """The settings with every reference swapped, in the order of Document."""
        return in_settings(self.Document, data, self.subject(data), path, swap)

    def normal(self, data: dict[str, Any]) -> dict[str, Any]:
        """The settings as they will be stored. Raises DomainError with paths."""
        return data

    def comparable(self, data: dict[str, Any], row: Any) -> dict[str, Any]:
        """What of the settings counts for an existing row."""
        return data

    def differences(self, old: dict[str, Any], new: dict[str, Any]) -> list[str]:
        """What is new, one sentence each; `old` is {} for something to be made."""
        blank = self.Document.model_construct().model_dump()
        return differences(self.Document, old or blank, new, self.subject(new))

    def create(self, name: str, data: dict[str, Any], actor: Any) -> Any:
        """Make a row through its operation. Raises DomainError."""
        raise NotImplementedError

    def change(self, row: Any, data: dict[str, Any], actor: Any) -> None:
        """Change a row through its operation. Raises DomainError."""
        raise NotImplementedError

    def remarks(self, row: Any) -> list[Problem]:
        """What is still to be done about a row that was written; errors undo the import."""
        return []

    def url(self, row: Any) -> str:
        """Its page in the admin."""
        meta = self.model._meta
        return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])


def _fit(kind: ExportKind) -> str:
    missing = [n for n in ("key", "label", "model", "Document") if not getattr(kind, n, None)]
    if missing:
        return f"lacks {', '.join(missing)}"
    if {"kind", "name"} & set(kind.Document.model_fields):
        return "kind and name are the document's own words"
    return ""


export_kinds: Registry[ExportKind] = Registry("kind of document", _fit)


def kind_of(model: type[Model]) -> ExportKind | None:
    """The kind whose rows are of a model."""
    return next((kind for kind in export_kinds if kind.model is model), None)


@dataclass(frozen=True)
class Change:
    """What an import does about one document.

    Attributes:
        what: "created", "changed", "unchanged" or "reused".
        sentences: the difference in words.
        remarks: what is left to do.
        row: the row as it is afterwards (after a dry run: as it would be).
    """

    index: int
    kind: str
    label: str
    name: str
    what: str
    sentences: tuple[str, ...] = ()
    remarks: tuple[Problem, ...] = ()
    row: Any = field(default=None, compare=False, repr=False)
    url: str = ""

"""The contract of a kind of import: which targets columns may have, and how rows are written."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from csplatform.kit.registry import Registry

# Target name to value; what is not in it was not stated.
Row = Mapping[str, Any]
What = Literal["created", "updated", "unchanged"]


@dataclass(frozen=True)
class Target:
    """Where the cells of a column may go.

    Attributes:
        type: of attribute types; numbers and dates are read as the file writes them.
        aliases: headings that mean it, in lower case with "_" for blanks.
        many: several columns may go there, each under its own heading (properties of events).
    """

    name: str
    label: str
    type: str = "text"
    aliases: tuple[str, ...] = ()
    group: str = ""
    many: bool = False


@dataclass(frozen=True)
class Written:
    """What became of one row. `notes`: (target, what was left alone and why)."""

    what: What
    notes: tuple[tuple[str, str], ...] = ()


class ImportKind:
    """A kind of rows. Subclass, set the attributes, register in `import_kinds`.

    Attributes:
        permissions: what one must be allowed to import it.
    """

    key: ClassVar[str] = ""
    label: ClassVar[str] = ""
    sentence: ClassVar[str] = ""
    permissions: ClassVar[tuple[str, ...]] = ()

    def targets(self) -> list[Target]:
        """All targets, the usual ones first."""
        raise NotImplementedError

    def lacking(self, mapped: Collection[str]) -> str:
        """What a mapping lacks, as a sentence; "" when it will do."""
        return ""

    def write(self, rows: Sequence[Row], *, keys: Sequence[str], actor: Any) -> list[Written]:
        """Write rows: all of them or none, twice is once.

        Args:
            keys: a name per row that is the same when a row is written again.

        Raises DomainError with "/<index>/<target>" paths.
        """
        raise NotImplementedError


def _fit(kind: ImportKind) -> str:
    missing = [n for n in ("key", "label", "sentence", "permissions") if not getattr(kind, n)]
    return f"lacks {', '.join(missing)}" if missing else ""


import_kinds: Registry[ImportKind] = Registry("kind of import", _fit)

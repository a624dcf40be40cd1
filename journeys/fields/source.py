"""The contract of a source: something that a calculated field can be made of."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from csplatform.kit.errors import Problem
from csplatform.kit.registry import Registry
from csplatform.kit.schema import Config
from csplatform.rules.facts import Facts, Needs
from csplatform.rules.flips import Whom
from csplatform.rules.kind import FactKey, Known
from csplatform.rules.scope import Scope
from csplatform.rules.sqltext import Sql


@dataclass(frozen=True)
class Asked:
    """A readable definition, ready to be worked out.

    Attributes:
        config: the source's settings; bound: what it looked up (a parsed rule, an attribute).
    """

    subject: str
    config: Any
    bound: Any = None


class FieldSource:
    """One source. Subclass, set the attributes, register.

    A value that cannot be known (no event to take the average of) is missing: None in memory, NULL
    in SQL; each source says which of its figures can be. Both ways of working a value out agree.

    Attributes:
        key, label, sentence: its name in documents, in the list, and what it does.
        subjects: in programs for whom.
        example: valid settings.
    """

    key: ClassVar[str] = ""
    label: ClassVar[str] = ""
    sentence: ClassVar[str] = ""
    subjects: ClassVar[tuple[str, ...]] = ("person", "company")
    Config: ClassVar[type[Config]] = Config
    example: ClassVar[dict[str, Any]] = {}

    def type(self, config: Any) -> str:
        """The type of the value: "number", "text", "date" ..."""
        return "number"

    def check(self, config: Any, subject: str, known: Known, path: str) -> list[Problem]:
        """What is wrong beyond the config's own shape."""
        return []

    def bind(self, config: Any, subject: str) -> Any:
        """What working it out needs to know about what it names; None when that is gone."""
        return None

    def words(self, config: Any, subject: str) -> str:
        """As part of a sentence: “how often “login” happened in the last 30 days”."""
        raise NotImplementedError

    def expression(self, asked: Asked, scope: Scope) -> Sql:
        """The value as a scalar of SQL over the row `scope.alias`."""
        raise NotImplementedError

    def value(self, asked: Asked, facts: Facts, at: datetime) -> Any:
        """The same from loaded facts."""
        raise NotImplementedError

    def needs(self, asked: Asked) -> Needs:
        """The facts that `value` reads."""
        return Needs()

    def fact_keys(self, asked: Asked) -> set[FactKey]:
        """The facts whose change may change the value."""
        return set()

    def time_dependent(self, asked: Asked) -> bool:
        """Whether time alone may change it."""
        return False

    def flips(self, asked: Asked, at: datetime, whom: Whom) -> list[Sql]:
        """Queries `SELECT id, due`: moments after `at` at which time alone may change it."""
        return []


def _fit(source: FieldSource) -> str:
    missing = [n for n in ("key", "label", "sentence", "example") if not getattr(source, n)]
    return f"lacks {', '.join(missing)}" if missing else ""


field_sources: Registry[FieldSource] = Registry("source of calculated fields", _fit)

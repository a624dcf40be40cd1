"""What is known about one subject, loaded for rules that are answered in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from csplatform.customers.attributes import Spec

# "Ever" as a number of days.
EVER = 0


@dataclass(frozen=True)
class Needs:
    """Which facts a rule reads.

    Attributes:
        events: (event name, days back or EVER).
        companies, people: what is needed of the related companies or people; None for nothing.
        extra: (fact source, key) of kinds from rooms above; a key is an id or text.
    """

    events: frozenset[tuple[str, int]] = frozenset()
    companies: "Needs | None" = None
    people: "Needs | None" = None
    extra: frozenset[tuple[str, Any]] = frozenset()

    def __or__(self, other: "Needs") -> "Needs":
        return Needs(
            self.events | other.events,
            _either(self.companies, other.companies),
            _either(self.people, other.people),
            self.extra | other.extra,
        )


def _either(one: Needs | None, other: Needs | None) -> Needs | None:
    if one is None or other is None:
        return one or other
    return one | other


class Happening(NamedTuple):
    """An event as rules see it. Its time is never after the one at which it was recorded."""

    occurred_at: datetime
    properties: Mapping[str, Any]
    person_id: int | None = None


@dataclass(frozen=True)
class Facts:
    """One subject's facts.

    Attributes:
        alive: False for merged and erased subjects, which no rule matches.
        columns: values of built-in attributes by column, normalised as `stored_value` does.
        attributes: values of declared attributes.
        events: what happened, by event name.
        companies, people: facts of the related ones.
        extra: what the fact sources of rooms above told, by (source, key); None for nothing.
    """

    subject: str
    id: int
    alive: bool = True
    columns: Mapping[str, Any] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    events: Mapping[str, tuple[Happening, ...]] = field(default_factory=dict)
    companies: tuple["Facts", ...] = ()
    people: tuple["Facts", ...] = ()
    extra: Mapping[tuple[str, Any], Any] = field(default_factory=dict)
    label: str = ""

    def value(self, spec: Spec) -> Any:
        """The value of an attribute, None when it is missing."""
        found = self.columns.get(spec.column) if spec.column else self.attributes.get(spec.name)
        return None if found == "" or found == [] else found

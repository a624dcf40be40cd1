"""The tree as it is read: parts with the events that are their use."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from csplatform.kit.schema import parse_config
from csplatform.rules.happenings import Named
from csplatform.rules.properties import PropertyFilter
from csplatform.usage.models import UsagePart


@dataclass(frozen=True)
class Threshold:
    """When a part counts as adopted: at least so many of a measure in the last days."""

    measure: str
    count: int
    days: int


@dataclass
class Branch:
    """A part with what stands below it.

    Attributes:
        named: the events of all features in it, in the order of the tree.
        title: labels from the product down, e.g. “Boards › Reports › Export”.
    """

    part: UsagePart
    title: str
    below: list["Branch"] = field(default_factory=list)

    @property
    def named(self) -> tuple[Named, ...]:
        """Events of the features."""
        if self.part.event:
            return (Named(self.part.event, demands(self.part.where)),)
        return tuple(item for branch in self.below for item in branch.named)

    @property
    def threshold(self) -> Threshold | None:
        """When it is adopted, None where nobody said."""
        part = self.part
        if not part.adopted_measure or not part.adopted_count or not part.adopted_days:
            return None
        return Threshold(part.adopted_measure, part.adopted_count, part.adopted_days)

    def walk(self) -> Iterable["Branch"]:
        """It and everything below, as on the page."""
        yield self
        for branch in self.below:
            yield from branch.walk()


def demands(where: Any) -> tuple[PropertyFilter, ...]:
    """Stored demands on properties."""
    return tuple(parse_config(PropertyFilter, item) for item in where)


def load_tree() -> list[Branch]:
    """All products with what stands below them, in order. One query."""
    by_parent: dict[int | None, list[UsagePart]] = defaultdict(list)
    for part in UsagePart.objects.order_by("position", "pk"):
        by_parent[part.parent_id].append(part)

    def grown(parent: int | None, above: str) -> list[Branch]:
        found = []
        for part in by_parent[parent]:
            title = f"{above} › {part.label}" if above else part.label
            found.append(Branch(part, title, grown(part.pk, title)))
        return found

    return grown(None, "")


def branches() -> dict[str, Branch]:
    """Every part by its path, in the order of the tree. One query."""
    return {branch.part.path: branch for top in load_tree() for branch in top.walk()}


def part_options(subject: str) -> list[tuple[str, str]]:
    """Options of the builder's list."""
    return [(path, branch.title) for path, branch in branches().items()]

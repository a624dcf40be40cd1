"""Who uses a segment: rooms above register how to find out."""

from collections.abc import Callable
from dataclasses import dataclass

from csplatform.kit.registry import Registry
from csplatform.segments.models import Segment


@dataclass(frozen=True)
class Use:
    """One place where a segment is used.

    Attributes:
        kind: what uses it, e.g. "Program", "Segment".
        label: its name.
        url: where to look at it; "" when there is no page.
    """

    kind: str
    label: str
    url: str = ""


Finder = Callable[[Segment], list[Use]]
segment_users: Registry[Finder] = Registry("finder of segment uses")


def used_by(segment: Segment) -> list[Use]:
    """All places that use a segment."""
    return [use for find in segment_users for use in find(segment)]

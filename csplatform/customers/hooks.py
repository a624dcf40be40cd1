"""What rooms above do when customers change under their feet, and what they depend on."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from csplatform.kit.registry import Registry

# Called in the merge's transaction with (winner id, loser id, moment), both rows locked. A hook
# repoints its own `person_id` columns; it may run twice.
MergeHook = Callable[[int, int, datetime], None]
merge_hooks: Registry[MergeHook] = Registry("merge hook")


@dataclass(frozen=True)
class Erasure:
    """Who is being erased, and by what they may be found in texts.

    Attributes:
        ids: the person and everybody who was merged into it, ascending; all locked.
        addresses: every e-mail address they ever had, in lower case.
        words: addresses, names and external ids as they stand in values.
    """

    ids: tuple[int, ...]
    addresses: frozenset[str]
    words: frozenset[str]
    moment: datetime


# Called in the erasing transaction, in the order of registration (participants before messages). A
# hook empties or ends whatever its room holds about `ids`; it may run twice.
EraseHook = Callable[[Erasure], None]
erase_hooks: Registry[EraseHook] = Registry("erase hook")

# (subject, attribute name) -> labels of what uses it, e.g. "Segment “Admins”"; asked before an
# attribute is deleted.
AttributeUsers = Callable[[str, str], Iterable[str]]
attribute_users: Registry[AttributeUsers] = Registry("attribute user")

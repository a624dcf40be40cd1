"""What rooms above do when customers change under their feet, and what they depend on."""

from collections.abc import Callable, Iterable
from datetime import datetime

from csplatform.kit.registry import Registry

# Called in the merge's transaction with (winner id, loser id, moment), both rows locked. A hook
# repoints its own `person_id` columns; it may run twice.
MergeHook = Callable[[int, int, datetime], None]
merge_hooks: Registry[MergeHook] = Registry("merge hook")

# (subject, attribute name) -> labels of what uses it, e.g. "Segment “Admins”"; asked before an
# attribute is deleted.
AttributeUsers = Callable[[str, str], Iterable[str]]
attribute_users: Registry[AttributeUsers] = Registry("attribute user")

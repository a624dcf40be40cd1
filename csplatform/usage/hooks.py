"""What depends on the tree."""

from collections.abc import Callable, Collection, Iterable

from csplatform.kit.registry import Registry

# Paths of parts -> labels of what uses any of them, e.g. "Segment “Admins”"; asked before parts are
# deleted.
PartUsers = Callable[[Collection[str]], Iterable[str]]
part_users: Registry[PartUsers] = Registry("user of the usage tree")


def users_of(paths: Collection[str]) -> list[str]:
    """Labels of rules that name any of the parts."""
    return [label for users in part_users for label in users(paths)]

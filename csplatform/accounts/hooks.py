"""What rooms above do when staff come and go."""

from collections.abc import Callable

from csplatform.kit.registry import Registry

# Called in the transaction that made a user active or inactive, with the user's id.
ActivityHook = Callable[[int], object]
activity_hooks: Registry[ActivityHook] = Registry("activity hook")

"""Who wants to know that runs were taken out of a program before their end."""

from collections.abc import Callable
from datetime import datetime

from csplatform.kit.registry import Registry

# Called with the ids of participants that were unenrolled or removed, in the transaction that ends
# them and with their rows locked: it may lock what comes after participants, nothing before.
EndingHook = Callable[[list[int], datetime], None]
ending_hooks: Registry[EndingHook] = Registry("hook of endings")
TAKEN_OUT = ("unenrolled", "removed")


def taken_out(ids: list[int], now: datetime) -> None:
    """Tell everybody who registered."""
    if ids:
        for hook in ending_hooks:
            hook(ids, now)

"""Who changed what: operations record here, the accounts room stores it."""

from collections.abc import Callable
from typing import Any, Protocol


class Actor(Protocol):
    """Whoever acts: a staff user, or None for the system itself."""

    pk: Any


Sink = Callable[[Any, str, Any, dict[str, Any], dict[str, Any]], None]
_sinks: list[Sink] = []


def register_sink(sink: Sink) -> None:
    """Called once by the room that stores entries."""
    _sinks.append(sink)


def record(
    actor: Any,
    verb: str,
    subject: Any,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Write an audit entry in the caller's transaction.

    Args:
        actor: a staff user, or None for the system.
        verb: stable word such as "program.publish".
        subject: the model instance it happened to.
        before, after: JSON values of what changed.
    """
    for sink in _sinks:
        sink(actor, verb, subject, before or {}, after or {})

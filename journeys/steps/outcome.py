"""What a step decides for one participant. Pure values; the store writes them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Effect:
    """Something that is to leave the house: becomes one Outbox row, written with the decision.

    Attributes:
        channel: "email" or another channel that a sender is registered for.
        slot: recipient or reminder number; unique per participant, step and visit.
        payload: what the sender needs (ids, not rendered text).
    """

    channel: str
    slot: str
    payload: Mapping[str, Any]
    person_id: int | None = None
    company_id: int | None = None


@dataclass(frozen=True)
class Addressed:
    """Somebody whom a company's step addressed: becomes a Part row, written with the decision.

    Attributes:
        slot: who, unique per participant, step and visit; that of the effect if there is one.
        ref: their own invitation; None takes the outbox id of the effect with this slot.
        refused: why nothing goes to them, "" when something does.
    """

    slot: str
    channel: str
    person_id: int | None = None
    user_id: int | None = None
    address: str = ""
    ref: int | None = None
    refused: str = ""


@dataclass(frozen=True)
class Go:
    """Go on by an exit, at once.

    Attributes:
        ref: what later waits are about (an invitation's id); with effects and no ref it is the
            first effect's outbox id.
        expired: the time was up: events that its wait listened to are too late from now on,
            but for those that it had `heard`: (event name, ref) pairs that happened in time.
        addressed: the people whom a company's step addressed.
    """

    exit: str = "done"
    evidence: Mapping[str, Any] = field(default_factory=dict)
    effects: tuple[Effect, ...] = ()
    ref: int | None = None
    expired: bool = False
    heard: tuple[tuple[str, int], ...] = ()
    addressed: tuple[Addressed, ...] = ()


@dataclass(frozen=True)
class WaitUntil:
    """Wait for a moment. `local` and `zone` keep what the moment means to the subject."""

    due_at: datetime
    local: str = ""
    zone: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class WaitFor:
    """Wait for any of some events, at most until `until`.

    Attributes:
        events: (event name, ref) pairs about the subject; ref 0 is any.
        of_people: (event name, ref, person id) of people whom a company's step addressed.
    """

    events: tuple[tuple[str, int], ...]
    until: datetime
    evidence: Mapping[str, Any] = field(default_factory=dict)
    of_people: tuple[tuple[str, int, int], ...] = ()


@dataclass(frozen=True)
class Stay:
    """Looked, and nothing has changed: go on waiting until the limit."""


@dataclass(frozen=True)
class Leave:
    """The run ends well ("completed") or by a rule ("unenrolled")."""

    state: str = "completed"
    reason: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Fail:
    """This participant cannot go on; visible with the reason and a retry."""

    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


Outcome = Go | WaitUntil | WaitFor | Stay | Leave | Fail

"""The channels by which messages leave the outbox; each sender registers its own."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings

from csplatform.kit.registry import Registry


@dataclass(frozen=True)
class Channel:
    """One way out.

    Attributes:
        label: singular, for people.
        icon: a Material Symbols name.
        lane: the lane whose worker sends it; woken when a message is due.
    """

    label: str
    icon: str
    lane: str


def _fit(channel: Channel) -> str:
    return "" if channel.lane in settings.LANES else f"unknown lane {channel.lane!r}"


channels: Registry[Channel] = Registry("channel", _fit)


def lanes_of(keys: Iterable[str]) -> list[str]:
    """The lanes to wake for messages of these channels. One that is not known wakes nobody."""
    return sorted({channels.get(key).lane for key in set(keys) if key in channels})

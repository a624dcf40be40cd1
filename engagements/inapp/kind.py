"""The contract of an engagement kind, and the registry of kinds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from csplatform.kit.blocks import Block
from csplatform.kit.errors import Problem
from csplatform.kit.registry import Registry
from csplatform.kit.schema import Config
from engagements.tracker.scripts import RENDERERS


@dataclass(frozen=True)
class Starter:
    """A content to begin with. `content` is a valid draft."""

    key: str
    label: str
    content: dict[str, Any]


class EngagementKind:
    """One kind of engagement: one file below `kinds`, one instance in the registry.

    Its content is JSON: {"blocks": [...]} and the settings of Settings beside it.
    """

    key: ClassVar[str]
    label: ClassVar[str]
    sentence: ClassVar[str]
    icon: ClassVar[str]  # a Material Symbols name
    renderer: ClassVar[str]  # a renderer of journey.js
    place: ClassVar[str] = "dialog"  # where its blocks stand, see kit.blocks
    Settings: ClassVar[type[Config]]
    starters: ClassVar[tuple[Starter, ...]]
    # Whether a person who is invited again counts as having viewed or completed it before.
    remembers: ClassVar[bool] = True

    def check(self, settings: Any, blocks: Sequence[Block]) -> list[Problem]:
        """What is wrong beyond the shape; errors block the launch, warnings do not."""
        return []


def _fit(kind: EngagementKind) -> str:
    for name in ("key", "label", "sentence", "icon", "Settings", "starters"):
        if not getattr(kind, name, None):
            return f"{name} is missing"
    if kind.renderer not in RENDERERS:
        return f"journey.js has no renderer {kind.renderer!r}"
    return ""


engagement_kinds: Registry[EngagementKind] = Registry("engagement kind", _fit)

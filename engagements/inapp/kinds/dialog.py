"""Dialog: a box over the page, or a bar at its top or bottom (ENG-01)."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from csplatform.kit.blocks import Block
from csplatform.kit.errors import Problem
from csplatform.kit.schema import Config
from engagements.inapp.kind import EngagementKind, Starter


class DialogSettings(Config):
    """How it stands on the page."""

    view: Literal["modal", "top", "bottom"] = Field(
        default="modal",
        title="Shown as",
        description="A box waits for an answer; a bar lets people go on working.",
        json_schema_extra={
            "labels": {
                "modal": "Box over the page",
                "top": "Bar at the top",
                "bottom": "Bar at the bottom",
            }
        },
    )


_WELCOME = {
    "view": "modal",
    "blocks": [
        {
            "kind": "heading",
            "text": 'Welcome, {{ person.first_name | default: "there" }}',
            "level": 1,
        },
        {"kind": "text", "text": "Three short steps get you going. Shall we show you around?"},
        {"kind": "action", "label": "Show me", "does": "complete", "look": "primary"},
        {"kind": "action", "label": "Not now", "does": "dismiss", "look": "quiet"},
    ],
}
_NEWS = {
    "view": "modal",
    "blocks": [
        {"kind": "heading", "text": "New: your report in one click", "level": 1},
        {"kind": "text", "text": "Exports are ready in seconds, and they keep your filters."},
        {"kind": "list", "items": ["CSV and PDF", "Send it on a schedule"], "style": "checks"},
        {"kind": "action", "label": "Got it", "does": "complete", "look": "primary"},
    ],
}
_BAR = {
    "view": "top",
    "blocks": [
        {
            "kind": "text",
            "text": "Maintenance on Sunday from 6 to 7: please save your work.",
        },
        {"kind": "action", "label": "Understood", "does": "complete", "look": "primary"},
    ],
}


class Dialog(EngagementKind):
    """The first kind: nothing on the page needs to be found."""

    key = "dialog"
    label = "Dialog"
    sentence = "A box over the page, or a bar at the top or bottom."
    icon = "web_asset"
    renderer = "dialog"
    Settings = DialogSettings
    starters = (
        Starter("welcome", "Welcome", _WELCOME),
        Starter("news", "Something new", _NEWS),
        Starter("bar", "Announcement bar", _BAR),
    )

    def check(self, settings: DialogSettings, blocks: Sequence[Block]) -> list[Problem]:
        """It says something, and there is a way to complete it."""
        if not blocks:
            return [Problem("/blocks", "Add at least one block.", "missing")]
        completes = any(
            block.kind == "button" or (block.kind == "action" and block.config.does == "complete")
            for block in blocks
        )
        if completes:
            return []
        text = "Nobody can complete this dialog, only close it: add a button."
        return [Problem("/blocks", text, "no_completion", level="warning")]

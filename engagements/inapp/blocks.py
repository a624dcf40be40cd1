"""Blocks that only engagements have."""

from typing import Literal

from pydantic import Field

from csplatform.kit.blocks import BlockKind, block_kinds, text_field
from csplatform.kit.schema import Config


class Action(Config):
    """A button that answers the engagement and stays on the page."""

    label: str = text_field("Label", max_length=100)
    does: Literal["complete", "dismiss"] = Field(
        default="complete",
        title="When pressed",
        json_schema_extra={
            "labels": {"complete": "Completes the engagement", "dismiss": "Closes it"}
        },
    )
    look: Literal["primary", "quiet"] = Field(
        default="primary",
        title="Look",
        json_schema_extra={"labels": {"primary": "Stands out", "quiet": "Quiet"}},
    )


def register_blocks() -> None:
    """Called once at start."""
    example = {"label": "Got it", "does": "complete", "look": "primary"}
    block_kinds.register(
        "action",
        BlockKind("action", "Answer button", "ads_click", Action, example, places=("dialog",)),
    )

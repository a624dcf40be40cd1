"""How one gets in: the entry part of a flow document."""

from typing import Literal

from pydantic import Field

from csplatform.kit.schema import Config


class SegmentSource(Config):
    """Everybody in a segment."""

    kind: Literal["segment"] = "segment"
    segment: int = Field(
        title="Segment", json_schema_extra={"options": "segments", "reference": "segment"}
    )


class EntryConfig(Config):
    """Sources are united; nobody has two active runs."""

    sources: list[SegmentSource] = Field(default=[], max_length=20)
    include_existing: bool = Field(
        default=True,
        title="Members already inside",
        description="Also take those who are in the segment when the program is published.",
    )
    re_enrolment: Literal["never", "every_time"] = Field(
        default="never",
        title="Again?",
        description="What happens when somebody leaves the segment and comes back.",
    )
    include_churned: bool = Field(
        default=False, title="Include churned", description="Otherwise churned companies stay out."
    )

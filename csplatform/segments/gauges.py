"""Figures of segments for /metrics."""

from collections.abc import Iterator

from csplatform.kit import sql
from csplatform.kit.metrics import Figures, Reading, gauges
from csplatform.segments.models import State


def states() -> Iterator[Reading]:
    """Segments by how far they are: a small table, one row per segment."""
    rows = dict(sql.rows("SELECT state, count(*) FROM segments_segment GROUP BY 1"))
    for state in State.values:
        yield Reading("csplatform_segments", rows.get(state, 0), {"state": state})


def register() -> None:
    """Called once at start."""
    gauges.register(
        "segments.states",
        Figures({"csplatform_segments": "Segments by state; “failed” wants a look."}, states),
    )

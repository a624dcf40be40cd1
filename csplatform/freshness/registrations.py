"""The loop is work of the live lane."""

from csplatform.freshness.loop import pending, run_batch
from csplatform.kit.jobs import LaneWork, lane_work


def register() -> None:
    """Small changes are seen at once; big batches take their turns in slices."""
    lane_work.register(
        "freshness.touches", LaneWork("freshness.touches", "live", run_batch, pending)
    )

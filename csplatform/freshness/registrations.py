"""The loop is work of the live lane; stopped chains are for somebody to look at."""

from datetime import timedelta

from django.http import HttpRequest
from django.urls import reverse

from csplatform.adminkit.home import Figure, attention
from csplatform.freshness import flips, gauges
from csplatform.freshness.loop import pending, run_batch
from csplatform.freshness.models import BrakeStop
from csplatform.kit.clock import now
from csplatform.kit.jobs import LaneWork, lane_work


def register() -> None:
    """Small changes are seen at once; big batches take their turns in slices."""
    lane_work.register(
        "freshness.flips", LaneWork("freshness.flips", "live", flips.run_batch, flips.pending)
    )
    lane_work.register(
        "freshness.touches", LaneWork("freshness.touches", "live", run_batch, pending)
    )
    gauges.register()
    attention.register("freshness.stops", _stopped_chains)


def _stopped_chains(request: HttpRequest) -> Figure | None:
    """Chains of causes stopped in the last week."""
    count = BrakeStop.objects.filter(at__gte=now() - timedelta(days=7)).count()
    if not count:
        return None
    link = reverse("admin:freshness_brakestop_changelist")
    return Figure("Stopped chains", count, link, "warn", "programs that trigger each other")

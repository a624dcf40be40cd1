"""The loop is work of the live lane; stopped chains are for somebody to look at."""

from datetime import timedelta
from functools import partial

from django.http import HttpRequest
from django.urls import reverse

from csplatform.adminkit.home import Figure, attention
from csplatform.freshness import flips, gauges
from csplatform.freshness.loop import pending, run_batch
from csplatform.freshness.models import BrakeStop, TouchLane
from csplatform.kit.clock import now
from csplatform.kit.jobs import LaneWork, lane_work


def register() -> None:
    """Small changes are seen at once; big batches take their turns in slices."""
    for key, lane, touches in (
        ("freshness.touches", "live", TouchLane.LIVE),
        ("freshness.bulk", "bulk", TouchLane.BULK),
    ):
        work = LaneWork(key, lane, partial(run_batch, touches), partial(pending, touches))
        lane_work.register(key, work)
    lane_work.register(
        "freshness.flips", LaneWork("freshness.flips", "live", flips.run_batch, flips.pending)
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

"""What the webhook room brings to the rooms below."""

from csplatform.kit.jobs import LaneWork, Periodic, lane_work, periodic
from journeys.channels import Channel, channels
from journeys.webhooks.call import CHANNEL
from journeys.webhooks.sender import pending, run_batch, sweep

LANE = "slow"


def register() -> None:
    """Called once at start by journeys.registrations."""
    channels.register(CHANNEL, Channel("Webhook", "webhook", LANE))
    lane_work.register("webhooks.outbox", LaneWork("webhooks.outbox", LANE, run_batch, pending))
    periodic.register("webhooks.sweep", Periodic("webhooks.sweep", 30, sweep))

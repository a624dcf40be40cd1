"""What the mail room brings to the rooms below."""

from csplatform.customers.hooks import erase_hooks, merge_hooks
from csplatform.kit.jobs import LaneWork, Periodic, lane_work, periodic
from journeys.channels import Channel, channels
from journeys.emails import bench
from journeys.emails.erasing import forget_mails
from journeys.emails.hold_out_check import check_hold_out
from journeys.emails.layout import register_mail_blocks
from journeys.emails.merging import repoint_mails
from journeys.emails.sender import pending, run_batch, sweep
from journeys.emails.sending_checks import register_checks, sending_checks


def register() -> None:
    """Called once at start by journeys.registrations."""
    channels.register("email", Channel("Mail", "mail", "outbox"))
    register_mail_blocks()
    register_checks()
    sending_checks.register("hold_out", check_hold_out)
    bench.register()
    lane_work.register("emails.outbox", LaneWork("emails.outbox", "outbox", run_batch, pending))
    periodic.register("emails.sweep", Periodic("emails.sweep", 30, sweep))
    merge_hooks.register("emails", repoint_mails)
    erase_hooks.register("emails", forget_mails)

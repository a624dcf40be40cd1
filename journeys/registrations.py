"""What journeys bring to the rooms below: readable as a table of contents."""

from functools import partial

from csplatform.ascode.registrations import register_kind
from csplatform.customers.hooks import attribute_users, erase_hooks, merge_hooks
from csplatform.freshness.flips import SWEEP_SECONDS
from csplatform.freshness.loop import consumers
from csplatform.kit.jobs import LaneWork, Periodic, lane_work, periodic
from csplatform.kit.partitions import PartitionedTable, partitioned_tables
from csplatform.rules.load import fact_sources
from csplatform.rules.meaning import meaning_hooks
from csplatform.rules.options import option_sources
from csplatform.rules.registry import rule_kinds
from csplatform.segments.usage import segment_users
from csplatform.usage.hooks import part_users
from journeys import bench, bench_editor, demo, demo_company, demo_entry, demo_life, gauges
from journeys.admin import registrations as admin_registrations
from journeys.ascode.email_template import EmailTemplateKind
from journeys.ascode.mail_category import MailCategoryKind
from journeys.ascode.program import ProgramKind
from journeys.ascode.webhook_endpoint import WebhookEndpointKind
from journeys.consent import registrations as consent_registrations
from journeys.emails import registrations as email_registrations
from journeys.engine import advance, arrivals, flips, inbox, reactions, reentry
from journeys.engine.merging import repoint_runs
from journeys.fields import registrations as fields
from journeys.flow import gallery, models
from journeys.kinds.participation import (
    ParticipationTest,
    program_options,
    runs_of,
    step_options,
)
from journeys.models.participant import Lane
from journeys.operations import enroll, entries, life, lists, relocate, schedule
from journeys.operations.erase import forget_runs
from journeys.operations.meaning import follow_meaning
from journeys.playbooks import registrations as playbook_registrations
from journeys.playbooks.ascode import PlaybookKind, TaskTypeKind
from journeys.snapshot import parts
from journeys.steps import programs, staff
from journeys.steps.kinds.assign_csm import AssignCsm
from journeys.steps.kinds.assign_playbook import AssignPlaybook
from journeys.steps.kinds.call_webhook import CallWebhook
from journeys.steps.kinds.clear_attribute import ClearAttribute
from journeys.steps.kinds.close_cta import CloseCta
from journeys.steps.kinds.conditional_wait import ConditionalWait
from journeys.steps.kinds.copy_attribute import CopyAttribute
from journeys.steps.kinds.enter_program import EnterProgram
from journeys.steps.kinds.exit import Exit
from journeys.steps.kinds.human_task import HumanTask
from journeys.steps.kinds.if_else import IfElse
from journeys.steps.kinds.increase_attribute import IncreaseAttribute
from journeys.steps.kinds.leave_program import LeaveProgram
from journeys.steps.kinds.notify_staff import NotifyStaff
from journeys.steps.kinds.send_email import SendEmail
from journeys.steps.kinds.set_attribute import SetAttribute
from journeys.steps.kinds.split import Split
from journeys.steps.kinds.wait_timer import WaitTimer
from journeys.steps.registry import step_kinds
from journeys.usage import programs_using_attribute, programs_using_parts, programs_using_segment
from journeys.webhooks import registrations as webhook_registrations

KINDS = (
    SendEmail, WaitTimer, ConditionalWait, IfElse, Split, SetAttribute, CopyAttribute,
    ClearAttribute, IncreaseAttribute, AssignCsm, HumanTask, CloseCta, AssignPlaybook, NotifyStaff,
    EnterProgram, LeaveProgram, CallWebhook, Exit,
)  # fmt: skip


def register() -> None:
    """Called once at start."""
    for kind in KINDS:
        step_kinds.register(kind.key, kind())
    decisions = PartitionedTable("journeys_transition", "DECISIONS_KEEP_MONTHS")
    staff.register()
    programs.register()
    fields.register()
    parts.register()
    partitioned_tables.register(decisions.name, decisions)
    _register_work()
    consumers.register("journeys", reactions.react)
    segment_users.register("journeys", programs_using_segment)
    attribute_users.register("journeys", programs_using_attribute)
    part_users.register("journeys", programs_using_parts)
    meaning_hooks.register("journeys", follow_meaning)
    rule_kinds.register("participation", ParticipationTest())
    fact_sources.register("journeys.runs", runs_of)
    option_sources.register("journeys.programs", program_options)
    option_sources.register("journeys.steps", step_options)
    merge_hooks.register("journeys", repoint_runs)
    erase_hooks.register("journeys", forget_runs)
    email_registrations.register()
    consent_registrations.register()
    webhook_registrations.register()
    playbook_registrations.register()
    admin_registrations.register()
    models.register()
    for document in (
        MailCategoryKind, EmailTemplateKind, WebhookEndpointKind, ProgramKind, TaskTypeKind,
        PlaybookKind,
    ):  # fmt: skip
        register_kind(document())
    gallery.register()
    demo.register()
    demo_life.register()
    demo_entry.register()
    demo_company.register()
    bench.register()
    bench_editor.register()
    gauges.register()


def _register_work() -> None:
    """Events first, then what is due: a click must not wait behind a timer."""
    works = (
        LaneWork("journeys.inbox", "live", inbox.run_batch, inbox.pending),
        LaneWork("journeys.arrivals", "live", arrivals.run_batch, arrivals.pending),
        LaneWork(
            "journeys.live", "live", partial(advance.advance_due, Lane.LIVE),
            partial(advance.pending, Lane.LIVE),
        ),
        LaneWork(
            "journeys.publish", "live", schedule.publish_due, schedule.publish_pending
        ),
        LaneWork("journeys.scan", "bulk", enroll.scan_chunk, enroll.scan_pending),
        LaneWork("journeys.lists", "bulk", lists.match_chunk, lists.match_pending),
        LaneWork("journeys.reentry", "bulk", reentry.run_chunk, reentry.pending),
        LaneWork("journeys.held", "bulk", life.let_in_chunk, life.held_pending),
        LaneWork(
            "journeys.relocate", "bulk", relocate.relocate_chunk, relocate.relocation_pending
        ),
        LaneWork(
            "journeys.bulk", "bulk", partial(advance.advance_due, Lane.BULK),
            partial(advance.pending, Lane.BULK),
        ),
        LaneWork(
            "journeys.complete", "bulk", entries.complete_programs, entries.completion_pending
        ),
    )  # fmt: skip
    for work in works:
        lane_work.register(work.key, work)
    periodic.register("journeys.recover", Periodic("journeys.recover", 5, advance.recover))
    periodic.register("journeys.flips", Periodic("journeys.flips", SWEEP_SECONDS, flips.sweep))
    periodic.register(
        "journeys.closed_waits", Periodic("journeys.closed_waits", 86_400, inbox.purge_closed)
    )
    periodic.register(
        "journeys.quarantine", Periodic("journeys.quarantine", 30, life.lift_quarantines)
    )

"""What segments bring to the rooms below."""

from csplatform.ascode.registrations import register_kind
from csplatform.customers.hooks import attribute_users, erase_hooks, merge_hooks
from csplatform.freshness.flips import SWEEP_SECONDS
from csplatform.freshness.loop import consumers
from csplatform.kit.jobs import LaneWork, Periodic, lane_work, periodic
from csplatform.rules.load import fact_sources
from csplatform.rules.meaning import meaning_hooks
from csplatform.rules.options import option_sources
from csplatform.rules.registry import rule_kinds
from csplatform.segments import bench, gauges, recompute
from csplatform.segments.admin import registrations as admin_registrations
from csplatform.segments.ascode import SegmentKind
from csplatform.segments.consumer import refresh_touched
from csplatform.segments.kinds.segment import SegmentTest, changes_of, members_of, segment_names
from csplatform.segments.operations.definition import follow_meaning
from csplatform.segments.operations.erase import forget_member
from csplatform.segments.operations.merge import follow_merge
from csplatform.segments.references import (
    segments_using_attribute,
    segments_using_parts,
    used_by_segments,
)
from csplatform.segments.usage import segment_users
from csplatform.usage.hooks import part_users


def register() -> None:
    """The test, its facts and options; the consumer; the recompute and its clocks."""
    kind = SegmentTest()
    rule_kinds.register(kind.key, kind)
    fact_sources.register("segment", members_of)
    fact_sources.register("segment.changes", changes_of)
    option_sources.register("segments.names", segment_names)
    segment_users.register("segments", used_by_segments)
    consumers.register("segments", refresh_touched)
    merge_hooks.register("segments", follow_merge)
    erase_hooks.register("segments", forget_member)
    attribute_users.register("segments", segments_using_attribute)
    part_users.register("segments", segments_using_parts)
    meaning_hooks.register("segments", follow_meaning)
    register_kind(SegmentKind())
    admin_registrations.register()
    bench.register()
    gauges.register()
    lane_work.register(
        "segments.recompute",
        LaneWork("segments.recompute", "bulk", recompute.run_slice, recompute.pending),
    )
    periodic.register(
        "segments.sweep", Periodic("segments.sweep", SWEEP_SECONDS, recompute.refresh_all)
    )

"""A segment in use is not everybody's to change (SEC-01)."""

import pytest

from csplatform.kit.errors import NotAllowed
from csplatform.segments.operations.definition import SegmentInput, save_segment
from tests import factories as make

pytestmark = pytest.mark.django_db
RULE = {"test": "attribute", "name": "name", "operator": "set"}


def test_only_who_builds_programs_changes_the_rule_of_a_used_segment():
    """A CSM may build and change segments, but not open the gate of a running program."""
    csm, manager = make.staff("csm"), make.staff("program_manager")
    segment = save_segment(SegmentInput("Ours", rule=RULE), actor=csm)
    save_segment(SegmentInput("Ours", rule={"not": RULE}), actor=csm, segment_id=segment.pk)
    make.program(
        make.step("exit", "ex"),
        entry={"sources": [{"kind": "segment", "segment": segment.pk}]},
        publish=False,
    )
    with pytest.raises(NotAllowed, match="is used by Program"):
        save_segment(SegmentInput("Ours", rule=RULE), actor=csm, segment_id=segment.pk)
    segment.refresh_from_db()
    assert segment.rule == {"not": RULE}
    save_segment(SegmentInput("Renamed", rule={"not": RULE}), actor=csm, segment_id=segment.pk)
    changed = save_segment(SegmentInput("Ours", rule=RULE), actor=manager, segment_id=segment.pk)
    assert changed.rule == RULE

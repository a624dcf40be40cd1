"""Members that are inside already get in, whatever stands beside their scan (PRG-21, REL-03)."""

import pytest

from csplatform.customers.models import AttributeDefinition
from csplatform.segments.operations.definition import SegmentInput, save_segment
from journeys.engine import versions
from journeys.models import EntryScan, Participant, Program
from journeys.operations.enroll import scan_chunk
from journeys.operations.life import pause_program, resume_program
from tests import factories as make

pytestmark = pytest.mark.django_db


def segment():
    AttributeDefinition.objects.create(subject="person", name="plan", label="Plan", type="text")
    rule = {"test": "attribute", "name": "plan", "operator": "equals", "value": "pro"}
    given = SegmentInput(name="Pro", subject="person", kind="dynamic", rule=rule)
    return save_segment(given, actor=None)


def entry(found, **more):
    return {"sources": [{"kind": "segment", "segment": found.pk}], **more}


def test_the_scan_of_a_paused_program_holds_up_no_other(run_lanes):
    """PRG-21: members of other programs' segments still get in."""
    found = segment()
    someone = make.person(attributes={"plan": "pro"})
    run_lanes()
    paused = make.program(make.step("wait_timer", "w1"), entry=entry(found))
    pause_program(paused.pk, actor=None)
    other = make.program(make.step("wait_timer", "w1"), entry=entry(found))
    run_lanes()
    assert list(Participant.objects.values_list("program_id", flat=True)) == [other.pk]
    resume_program(paused.pk, actor=None)
    run_lanes()
    assert Participant.objects.filter(program=paused, person=someone).exists()


def test_the_scan_of_a_quarantined_program_waits_and_holds_up_no_other(run_lanes):
    """REL-03: its members are not passed over, and others go on."""
    found = segment()
    make.person(attributes={"plan": "pro"})
    run_lanes()
    sick = make.program(make.step("wait_timer", "w1"), entry=entry(found))
    Program.objects.filter(pk=sick.pk).update(quarantine="unknown kind")
    other = make.program(make.step("wait_timer", "w1"), entry=entry(found))
    run_lanes()
    assert list(Participant.objects.values_list("program_id", flat=True)) == [other.pk]
    assert EntryScan.objects.get(program=sick).done_at is None
    Program.objects.filter(pk=sick.pk).update(quarantine="")
    run_lanes()
    assert Participant.objects.filter(program=sick).count() == 1


def test_a_version_that_cannot_be_read_is_quarantined_by_its_scan(run_lanes):
    """REL-03: the scan does not fail for ever before all others."""
    found = segment()
    make.person(attributes={"plan": "pro"})
    run_lanes()
    sick = make.program(make.step("wait_timer", "w1"), entry=entry(found))
    sick.published.steps.update(kind="taken_away")
    versions.forget()
    other = make.program(make.step("wait_timer", "w1"), entry=entry(found))
    scan_chunk()
    run_lanes()
    assert list(Participant.objects.values_list("program_id", flat=True)) == [other.pk]
    sick.refresh_from_db()
    assert "taken_away" in sick.quarantine


def test_an_empty_scan_does_not_end_the_pass():
    """A lane stops at the first 0: what was finished counts as moved."""
    make.program(make.step("wait_timer", "w1"), entry=entry(segment()))
    assert scan_chunk() > 0
    assert scan_chunk() == 0

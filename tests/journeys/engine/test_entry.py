"""Who gets in, by segment and by hand, and why others do not (PRG-20 to 24, 41)."""

import pytest

from csplatform.customers.models import AttributeDefinition
from csplatform.customers.operations.attributes import patch_attributes
from csplatform.segments.operations.definition import SegmentInput, save_segment
from journeys.models import EntryScan, Participant, Refusal, Transition
from journeys.operations.enroll import enroll
from journeys.operations.life import pause_program, resume_program, stop_program
from journeys.operations.publish import publish_preview
from tests import factories as make

pytestmark = [pytest.mark.smoke, pytest.mark.django_db]


def pro_segment():
    AttributeDefinition.objects.create(subject="person", name="plan", label="Plan", type="text")
    rule = {"test": "attribute", "name": "plan", "operator": "equals", "value": "pro"}
    given = SegmentInput(name="Pro", subject="person", kind="dynamic", rule=rule)
    return save_segment(given, actor=None)


def entry(segment, **more):
    return {"sources": [{"kind": "segment", "segment": segment.pk}], **more}


def test_members_inside_at_publishing_enter_and_so_do_later_ones(run_lanes):
    """PRG-20, PRG-21: the bulk lane takes in who is there, a change takes in who comes."""
    segment = pro_segment()
    inside = [make.person(attributes={"plan": "pro"}) for _ in range(3)]
    outside = make.person()
    run_lanes()
    program = make.program(make.step("wait_timer", "w1"), entry=entry(segment))
    run_lanes()
    entered = Participant.objects.filter(program=program)
    assert set(entered.values_list("person_id", flat=True)) == set(make.ids(inside))
    assert EntryScan.objects.get().entered == 3
    patch_attributes("person", {outside.pk: {"plan": "pro"}}, cause={})
    run_lanes()
    newcomer = entered.get(person=outside)
    enter = Transition.objects.get(participant_id=newcomer.pk, kind="enter")
    assert enter.evidence["segment"] == segment.pk


def test_existing_members_stay_out_when_not_wanted(run_lanes):
    """PRG-21: a choice of its own."""
    segment = pro_segment()
    make.person(attributes={"plan": "pro"})
    run_lanes()
    make.program(make.step("wait_timer", "w1"), entry=entry(segment, include_existing=False))
    run_lanes()
    assert not Participant.objects.exists()


def test_refusals_are_kept_with_their_reason():
    """PRG-24: no email, churned."""
    mail = make.mail_template()
    program = make.program(make.step("send_email", "ml", template=mail.pk))
    churned = make.company(status="churned")
    people = [make.person(), make.person(email=None), make.person(at=churned)]
    result = enroll(program.pk, make.ids(people), actor=None)
    assert result.entered == 1
    assert dict(result.refused) == {"no_email": 1, "churned": 1}
    enroll(program.pk, [people[1].pk], actor=None)
    assert Refusal.objects.get(reason="no_email").times == 2


def test_the_preview_counts_without_changing_anything(run_lanes):
    """PRG-40: what will happen."""
    segment = pro_segment()
    make.person(attributes={"plan": "pro"})
    make.person(attributes={"plan": "pro"}, email=None)
    run_lanes()
    mail = make.mail_template()
    program = make.program(
        make.step("send_email", "ml", template=mail.pk), entry=entry(segment), publish=False
    )
    preview = publish_preview(program.pk)
    assert preview.would_enter == 1
    assert [(reason, count) for reason, _, count in preview.refused] == [("no_email", 1)]
    assert ("email_template", mail.pk) in preview.references
    assert preview.counting == ()
    assert not Participant.objects.exists()


def test_the_preview_says_when_a_segment_is_still_being_worked_out(run_lanes):
    """PRG-40: a new segment has no members for a moment."""
    segment = pro_segment()
    program = make.program(entry=entry(segment), publish=False)
    assert publish_preview(program.pk).counting == (segment.name,)
    run_lanes()
    assert publish_preview(program.pk).counting == ()


def test_pause_freezes_and_resume_lengthens_timers(run_lanes):
    """PRG-45: the rest of a timer counts from the resume."""
    program = make.program(make.step("wait_timer", "w1", amount=2, unit="days"))
    enroll(program.pk, [make.person().pk], actor=None)
    run_lanes()
    assert pause_program(program.pk, actor=None) == 1
    frozen = Participant.objects.get()
    assert (frozen.state, frozen.due_at) == ("paused", None)
    assert frozen.remaining.days == 1
    assert resume_program(program.pk, actor=None) == 1
    thawed = Participant.objects.get()
    assert thawed.state == "active"
    assert thawed.due_at is not None


def test_stop_removes_everybody_for_good(run_lanes):
    """PRG-45: stop is final."""
    program = make.program(make.step("wait_timer", "w1"))
    enroll(program.pk, make.ids(make.people(3)), actor=None)
    run_lanes()
    assert stop_program(program.pk, actor=None, reason="done") == 3
    assert set(Participant.objects.values_list("state", flat=True)) == {"removed"}
    assert Transition.objects.filter(kind="leave").count() == 3

"""Who may enter again, and when (PRG-22)."""

from datetime import timedelta

import pytest

from csplatform.kit import sql
from csplatform.segments.operations.definition import SegmentInput, save_segment
from csplatform.segments.operations.membership import add_members, remove_members
from journeys.engine import reentry
from journeys.models import Participant, Refusal
from journeys.operations.enroll import enroll, remove_participants
from journeys.operations.life import pause_program, resume_program
from tests import factories as make

pytestmark = [pytest.mark.smoke, pytest.mark.django_db]


def static(*people):
    segment = save_segment(SegmentInput(name="List", kind="static"), actor=None)
    add_members(segment.pk, make.ids(people), actor=None)
    return segment


def program(segment, **more):
    entry = {"sources": [{"kind": "segment", "segment": segment.pk}], **more}
    return make.program(make.step("exit", "e1", reason="done"), entry=entry)


def pass_days(days):
    """Move all runs into the past."""
    span = timedelta(days=days)
    for name in ("entered_at", "ended_at"):
        sql.run(f"UPDATE journeys_participant SET {name} = {name} - %s", [span])


def test_after_some_days_a_member_enters_again_by_itself(run_lanes):
    """PRG-22: when the time comes, and not before; also the third time."""
    person = make.person()
    segment = static(person)
    run_lanes()
    program(segment, re_enrolment="after_days", re_enrolment_days=30)
    run_lanes()
    assert Participant.objects.get().state == "completed"
    pass_days(29)
    assert not reentry.pending()
    for count in (2, 3):
        pass_days(31)
        assert reentry.pending()
        run_lanes()
        assert Participant.objects.filter(person=person).count() == count
        assert not reentry.pending()
    assert not Refusal.objects.exists()


def test_who_left_the_source_does_not_enter_again(run_lanes):
    """PRG-22: a member still inside."""
    person = make.person()
    segment = static(person)
    program(segment, re_enrolment="after_days", re_enrolment_days=30)
    run_lanes()
    remove_members(segment.pk, [person.pk], actor=None)
    pass_days(31)
    run_lanes()
    assert Participant.objects.count() == 1


def test_who_comes_back_too_soon_is_refused_and_enters_when_it_is_time(run_lanes):
    """PRG-22, 24."""
    person = make.person()
    segment = static(person)
    made = program(segment, re_enrolment="after_days", re_enrolment_days=30)
    run_lanes()
    assert dict(enroll(made.pk, [person.pk], actor=None).refused) == {"too_soon": 1}
    pass_days(31)
    assert enroll(made.pk, [person.pk], actor=None).entered == 1
    run_lanes()
    assert Participant.objects.count() == 2


def test_a_pause_puts_it_off(run_lanes):
    """PRG-22, 45: nobody enters a program that stands still; nobody is forgotten."""
    made = program(static(*make.people(3)), re_enrolment="after_days", re_enrolment_days=5)
    run_lanes()
    pause_program(made.pk, actor=None)
    pass_days(6)
    run_lanes()
    assert Participant.objects.count() == 3
    resume_program(made.pk, actor=None)
    run_lanes()
    assert Participant.objects.count() == 6


def test_chunks_pass_nobody_by(run_lanes, monkeypatch):
    """All that ended at the same moment stay together; many are taken chunk by chunk."""
    monkeypatch.setattr(reentry, "CHUNK", 2)
    people = make.people(5)
    program(static(*people), re_enrolment="after_days", re_enrolment_days=5)
    run_lanes()
    pass_days(6)
    sql.run("UPDATE journeys_participant SET ended_at = ended_at - id % 3 * interval '1 hour'")
    run_lanes()
    assert Participant.objects.count() == 10


def test_every_time_is_after_leaving_and_coming_back(run_lanes):
    """PRG-22: left, came back, no active run."""
    person = make.person()
    segment = static(person)
    program(segment, re_enrolment="every_time")
    run_lanes()
    for count in (2, 3):
        remove_members(segment.pk, [person.pk], actor=None)
        run_lanes()
        add_members(segment.pk, [person.pk], actor=None)
        run_lanes()
        assert Participant.objects.count() == count


def test_the_same_address_is_not_taken_again_within_days(run_lanes):
    """PRG-22: same email not again within N days."""
    person = make.person()
    made = program(static(), re_enrolment="every_time", same_email_days=10)
    assert enroll(made.pk, [person.pk], actor=None).entered == 1
    run_lanes()
    assert dict(enroll(made.pk, [person.pk], actor=None).refused) == {"same_email": 1}
    pass_days(11)
    assert enroll(made.pk, [person.pk], actor=None).entered == 1


def test_who_was_removed_is_treated_as_who_ended(run_lanes):
    """PRG-22: the days count from the end of the run, whatever ended it."""
    person = make.person()
    made = make.program(
        make.step("wait_timer", "w1"),
        entry={
            "sources": [{"kind": "segment", "segment": static(person).pk}],
            "re_enrolment": "after_days", "re_enrolment_days": 3,
        },
    )  # fmt: skip
    run_lanes()
    remove_participants([made.participants.get().pk], actor=None)
    pass_days(4)
    run_lanes()
    assert made.participants.filter(ended_at=None).count() == 1

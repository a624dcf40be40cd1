"""A publishing at a time: refused, taken back, done by itself, failed (PRG-40, PRG-41)."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, OperationalError, transaction

from csplatform.accounts.models import AuditEntry
from csplatform.kit.clock import database_now, now
from csplatform.kit.errors import Conflict, DomainError, NotAllowed
from csplatform.segments.models import Member, Segment
from engagements.inapp.operations.life import pause_engagement
from journeys.flow.parse import parse_flow
from journeys.models import EntryScan, Participant, Program, ProgramVersion
from journeys.operations import schedule
from journeys.operations.draft import discard_changes, save_draft
from journeys.operations.life import pause_program
from journeys.operations.publish import publish_program
from journeys.operations.schedule import (
    publish_due,
    publish_pending,
    schedule_program,
    step_of,
    unschedule_program,
)
from journeys.steps.kind import Mark
from journeys.steps.registry import step_kinds
from tests import factories as make
from tests.engagements.make import engagement as an_engagement

pytestmark = pytest.mark.django_db
TIMER = make.step("wait_timer", "w1", amount=1, unit="days")
CHANGED = make.flow(make.step("wait_timer", "w1", amount=2, unit="days"))
SOON = timedelta(hours=1)


@pytest.fixture
def ann():
    return make.staff("program_manager")


def a_draft(**more):
    return make.program(TIMER, publish=False, **more)


def come(program):
    """The time of a scheduled publishing has come."""
    Program.objects.filter(pk=program.pk).update(publish_at=database_now())


def scheduled(ann, program=None):
    program = program or a_draft()
    schedule_program(program.pk, now() + SOON, actor=ann)
    program.refresh_from_db()
    return program


# --- scheduling -----------------------------------------------------------------------------------


def test_a_draft_is_published_when_its_time_has_come_and_not_before(ann, run_lanes):
    program = scheduled(ann)
    assert (program.state, program.publish_by, publish_pending()) == ("scheduled", ann, False)
    run_lanes()
    assert not ProgramVersion.objects.exists()
    come(program)
    assert publish_pending()
    run_lanes("live")
    program.refresh_from_db()
    assert (program.state, program.publish_at, program.publish_by) == ("active", None, None)
    version = ProgramVersion.objects.get()
    assert version.published_by == ann
    changes = program.state_changes.order_by("pk").values_list("what", "old", "new", "by")
    assert list(changes) == [
        ("scheduled", "draft", "scheduled", ann.pk), ("published", "scheduled", "active", ann.pk)
    ]  # fmt: skip
    verbs = set(AuditEntry.objects.values_list("verb", flat=True))
    assert {"program.schedule", "program.publish"} <= verbs


def test_members_enter_at_the_time(ann, run_lanes):
    people = Segment.objects.create(name="Trials", subject="person", kind="static")
    someone = make.person()
    Member.objects.create(segment=people, subject_id=someone.pk, since=now())
    entry = {"sources": [{"kind": "segment", "segment": people.pk}]}
    program = scheduled(ann, a_draft(entry=entry))
    run_lanes()
    assert not Participant.objects.exists()
    come(program)
    run_lanes()
    assert Participant.objects.get().person_id == someone.pk


def test_changes_of_an_active_program_wait_for_their_time(ann, run_lanes):
    program = make.program(TIMER)
    save_draft(program.pk, CHANGED, revision=0, actor=None)
    scheduled(ann, program)
    assert program.state == "active"
    come(program)
    run_lanes("live")
    program.refresh_from_db()
    assert (program.state, program.published.number) == ("active", 2)


@pytest.mark.parametrize(
    ("ahead", "code"),
    [
        (timedelta(seconds=-1), "past"),
        (timedelta(days=-4000), "past"),
        (timedelta(days=731), "far"),
    ],
)
def test_other_times_are_refused_with_a_sentence(ann, ahead, code):
    program = a_draft()
    with pytest.raises(DomainError) as refused:
        schedule_program(program.pk, now() + ahead, actor=ann)
    assert (refused.value.problems[0].path, refused.value.problems[0].code) == ("/at", code)
    program.refresh_from_db()
    assert program.state == "draft"


def test_errors_block_scheduling_and_warnings_do_not(ann):
    wrong = make.program(make.step("send_email", "ml"), publish=False)
    with pytest.raises(DomainError) as refused:
        schedule_program(wrong.pk, now() + SOON, actor=ann)
    assert refused.value.problems[0].path.startswith("/steps/0")
    assert scheduled(ann).state == "scheduled"  # it has no source, which is worth a warning


def test_a_flow_that_changed_since_it_was_looked_at_is_not_scheduled(ann):
    program = a_draft()
    save_draft(program.pk, CHANGED, revision=0, actor=None)
    with pytest.raises(Conflict):
        schedule_program(program.pk, now() + SOON, actor=ann, revision=0)


def test_scheduling_is_for_those_who_may_publish():
    program = a_draft()
    with pytest.raises(NotAllowed):
        schedule_program(program.pk, now() + SOON, actor=make.staff("csm"))
    with pytest.raises(DomainError):
        schedule_program(program.pk, now() + SOON, actor=None)


@pytest.mark.parametrize("published", [False, True])
def test_what_is_scheduled_is_not_edited(ann, published):
    program = make.program(TIMER, publish=published)
    if published:
        save_draft(program.pk, CHANGED, revision=0, actor=None)
    scheduled(ann, program)
    flow, revision = program.draft, program.draft_revision
    other = make.flow(make.step("exit", "ex"))
    with pytest.raises(Conflict, match="take it back to draft"):
        save_draft(program.pk, other, revision=revision, actor=None)
    with pytest.raises(Conflict):
        discard_changes(program.pk, actor=None)
    program.refresh_from_db()
    assert (program.draft, program.draft_revision) == (flow, revision)
    unschedule_program(program.pk, actor=ann)
    program.refresh_from_db()
    assert (program.state, program.publish_at) == ("active" if published else "draft", None)
    save_draft(program.pk, other, revision=revision, actor=None)


def test_the_database_keeps_a_scheduled_program_and_its_time_together():
    program = a_draft()
    for values in ({"state": "scheduled"}, {"publish_at": now()}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Program.objects.filter(pk=program.pk).update(**values)


# --- what goes wrong at the time ------------------------------------------------------------------


def failed(program, run_lanes):
    come(program)
    run_lanes("live")
    program.refresh_from_db()
    assert program.publish_at is None
    assert program.state_changes.first().what == "failed"
    assert not publish_pending()
    return program.publish_failure


def test_an_engagement_that_was_paused_opens_the_draft_with_the_mark_at_its_step(ann, run_lanes):
    """PRG-41: nothing half-published, the failure on its step, until the draft is edited."""
    engagement = an_engagement(name="Tour")
    trigger = make.step("trigger_engagement", "te", name="Tour", engagement=engagement.pk)
    program = scheduled(ann, make.program(TIMER, trigger, publish=False))
    pause_engagement(engagement.pk, actor=None)
    problems = failed(program, run_lanes)
    assert [row["step"] for row in problems] == ["te"]
    assert "paused" in problems[0]["message"].lower()
    assert program.state == "draft"
    assert problems[0]["message"] in program.state_changes.first().reason
    assert not ProgramVersion.objects.exists()
    assert not EntryScan.objects.exists()
    save_draft(program.pk, CHANGED, revision=program.draft_revision, actor=None)
    program.refresh_from_db()
    assert program.publish_failure == []


def test_a_step_that_refuses_at_the_last_moment_leaves_nothing_behind(ann, run_lanes, monkeypatch):
    """PRG-41: the version and its steps are written by then; no kind refuses so late by itself."""
    program = scheduled(ann)
    kind = step_kinds.get("wait_timer")
    monkeypatch.setattr(kind, "on_publish", lambda view: [Mark("/amount", "No room.", "error")])
    (problem,) = failed(program, run_lanes)
    assert (problem["step"], problem["message"]) == ("w1", "w1: No room.")
    assert (program.state, program.published) == ("draft", None)
    assert not ProgramVersion.objects.exists()
    assert list(program.state_changes.values_list("what", flat=True)) == ["failed", "scheduled"]


@pytest.mark.parametrize("change", [{"is_active": False}, {"role": "csm"}])
def test_who_may_no_longer_publish_does_not_publish_by_the_clock(ann, run_lanes, change):
    program = scheduled(ann)
    type(ann).objects.filter(pk=ann.pk).update(**change)
    problems = failed(program, run_lanes)
    assert program.state == "draft"
    assert str(ann) in problems[0]["message"]


def test_who_was_deleted_does_not_publish_by_the_clock(ann, run_lanes):
    program = scheduled(ann)
    Program.objects.filter(pk=program.pk).update(publish_by=None)
    assert "no longer here" in failed(program, run_lanes)[0]["message"]


def test_an_active_program_goes_on_when_its_changes_cannot_be_published(ann, run_lanes):
    program = make.program(TIMER)
    mail = make.mail_template()
    step = make.step("send_email", "ml", template=mail.pk)
    save_draft(program.pk, make.flow(step), revision=0, actor=None)
    scheduled(ann, program)
    mail.delete()
    problems = failed(program, run_lanes)
    assert [row["step"] for row in problems] == ["ml"]
    assert (program.state, program.published.number) == ("active", 1)


def test_a_paused_program_stays_paused(ann, run_lanes):
    program = make.program(TIMER)
    save_draft(program.pk, CHANGED, revision=0, actor=None)
    scheduled(ann, program)
    pause_program(program.pk, actor=None)
    assert "paused" in failed(program, run_lanes)[0]["message"]
    assert program.state == "paused"


def test_an_unexpected_error_is_noted_and_holds_up_no_other(ann, run_lanes, monkeypatch):
    """A step kind that breaks: the next program is published all the same."""
    first, second = scheduled(ann), scheduled(ann)
    Program.objects.update(publish_at=database_now())

    def publish(program_id, **more):
        if program_id == first.pk:
            raise RuntimeError("broken")
        return publish_program(program_id, **more)

    monkeypatch.setattr(schedule, "publish_program", publish)
    run_lanes("live")
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == ("draft", "active")
    assert "broken" in first.publish_failure[0]["message"]


def test_a_draft_that_cannot_be_read_holds_up_no_other(ann, run_lanes):
    """Stored by hand, or before flows were read as strictly as now."""
    first, second = scheduled(ann), scheduled(ann)
    Program.objects.filter(pk=first.pk).update(draft={"steps": [{"key": 1}]})
    Program.objects.update(publish_at=database_now())
    run_lanes("live")
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == ("draft", "active")
    assert first.publish_failure[0]["path"].startswith("/steps/0")


def test_what_meets_a_lock_is_tried_again_and_holds_up_no_other(ann, monkeypatch):
    first, second = scheduled(ann), scheduled(ann)
    Program.objects.update(publish_at=database_now())
    real = schedule.publish_program

    def publish(program_id, **more):
        if program_id == first.pk:
            raise OperationalError("lock timeout")
        return real(program_id, **more)

    with monkeypatch.context() as patched:
        patched.setattr(schedule, "publish_program", publish)
        assert publish_due() == 1
        with pytest.raises(OperationalError):
            publish_due()
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == ("scheduled", "active")
    assert publish_due() == 1


def test_a_failure_is_gone_once_it_is_scheduled_again(ann, run_lanes):
    program = scheduled(ann)
    Program.objects.filter(pk=program.pk).update(publish_by=None)
    assert failed(program, run_lanes)
    scheduled(ann, program)
    assert program.publish_failure == []


def test_a_problem_finds_its_step():
    inner = make.step("exit", "e1")
    split = make.step("if_else", "ie", paths=[], exits={"yes": [inner], "else": []})
    flow = parse_flow(make.flow(TIMER, split))
    for path, key in (
        ("/steps/0/config/amount", "w1"),
        ("/steps/1/config/paths", "ie"),
        ("/steps/1/exits/yes/0", "e1"),
        ("/e1/engagement", "e1"),
        ("/steps", ""),
        ("/entry/sources", ""),
        ("", ""),
    ):
        assert step_of(flow, path) == key, path

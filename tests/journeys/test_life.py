"""What may be done to a program in which state; entries off and on (PRG-40, PRG-45)."""

from datetime import timedelta

import pytest

from csplatform.customers.models import AttributeDefinition
from csplatform.customers.operations.attributes import patch_attributes
from csplatform.kit import sql
from csplatform.kit.clock import now
from csplatform.kit.errors import Conflict, NotAllowed
from csplatform.segments.operations.definition import SegmentInput, save_segment
from journeys.engine import held as engine_entry
from journeys.models import EntryScan, Participant, Program, ProgramStateChange, Refusal
from journeys.operations.amend import amend_step
from journeys.operations.draft import delete_program, discard_changes, save_draft
from journeys.operations.enroll import enroll, retry_participants
from journeys.operations.entries import (
    complete_programs,
    completion_pending,
    disable_program,
    enable_program,
)
from journeys.operations.life import pause_program, resume_program, stop_program
from journeys.operations.publish import publish_program
from journeys.operations.schedule import schedule_program, unschedule_program
from journeys.snapshot.life import pauses, pauses_of, span
from tests import factories as make

pytestmark = pytest.mark.django_db
TIMER = make.step("wait_timer", "w1", amount=1, unit="days")
CHANGED = make.flow(make.step("wait_timer", "w1", amount=2, unit="days"))


# --- every operation in every situation -----------------------------------------------------------


def change(program, actor):
    program.refresh_from_db()
    save_draft(program.pk, CHANGED, revision=program.draft_revision, actor=None)


def in_situation(name, actor):
    """A program in a state, with somebody inside where it runs."""
    program = make.program(TIMER, publish="draft" not in name and name != "scheduled")
    if name == "scheduled":
        schedule_program(program.pk, now() + timedelta(days=1), actor=actor)
        return program
    if name == "draft":
        return program
    if name != "completed":
        enroll(program.pk, [make.person().pk], actor=None)
    steps = {
        "active": [],
        "active, changed": [change],
        "active, scheduled": [
            change, lambda p, a: schedule_program(p.pk, now() + timedelta(days=1), actor=a),
        ],
        "active, disabled": [lambda p, a: disable_program(p.pk, actor=a)],
        "paused": [lambda p, a: pause_program(p.pk, actor=a)],
        "frozen": [lambda p, a: disable_program(p.pk, actor=a, freeze_runs=True)],
        "completed": [
            lambda p, a: disable_program(p.pk, actor=a), lambda p, a: complete_programs(),
        ],
        "stopped": [lambda p, a: stop_program(p.pk, actor=a)],
    }  # fmt: skip
    for step in steps[name]:
        step(program, actor)
    return program


RUNNING = {"active", "active, changed", "active, scheduled", "active, disabled"}
STANDING = {"paused", "frozen"}
SITUATIONS = [*sorted(RUNNING | STANDING), "draft", "scheduled", "completed", "stopped"]


def revision(program):
    return Program.objects.values_list("draft_revision", flat=True).get(pk=program.pk)


OPERATIONS = {
    "publish": lambda p, a: publish_program(p.pk, actor=a),
    "schedule": lambda p, a: schedule_program(p.pk, now() + timedelta(days=2), actor=a),
    "unschedule": lambda p, a: unschedule_program(p.pk, actor=a),
    "pause": lambda p, a: pause_program(p.pk, actor=a),
    "resume": lambda p, a: resume_program(p.pk, actor=a),
    "disable": lambda p, a: disable_program(p.pk, actor=a),
    "freeze": lambda p, a: disable_program(p.pk, actor=a, freeze_runs=True),
    "enable": lambda p, a: enable_program(p.pk, actor=a),
    "stop": lambda p, a: stop_program(p.pk, actor=a),
    "edit": lambda p, a: save_draft(p.pk, CHANGED, revision=revision(p), actor=a),
    "discard": lambda p, a: discard_changes(p.pk, actor=a),
    "enrol": lambda p, a: enroll(p.pk, [make.person().pk], actor=a),
    "amend": lambda p, a: amend_step(p.pk, "w1", {"amount": 3, "unit": "days"}, actor=a),
    "delete": lambda p, a: delete_program(p.pk, actor=a),
}
# The table of docs/programs.md.
ALLOWED = {
    "publish": {"draft", "scheduled", "active, changed", "active, scheduled"},
    "schedule": {"draft", "active, changed"},
    "unschedule": {"scheduled", "active, scheduled"},
    "pause": RUNNING,
    "resume": STANDING,
    "disable": RUNNING - {"active, disabled"},
    "freeze": RUNNING - {"active, disabled"},
    "enable": {"active, disabled", "frozen", "completed"},
    "stop": RUNNING | STANDING | {"scheduled", "completed"},
    "edit": (RUNNING | STANDING | {"draft", "completed"}) - {"active, scheduled"},
    "discard": (RUNNING | STANDING | {"completed"}) - {"active, scheduled"},
    "enrol": RUNNING - {"active, disabled"},
    "amend": set(),  # a timer has nothing that could be amended
    "delete": {"draft"},
}


def everything(program):
    """All that is stored of a program's state, draft, history and runs."""
    return (
        Program.objects.filter(pk=program.pk).values().get(),
        list(ProgramStateChange.objects.filter(program=program).values()),
        list(Participant.objects.filter(program=program).order_by("pk").values()),
    )


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_is_done_or_refused_with_a_sentence_and_nothing_changed(situation, operation):
    actor = make.staff()
    program = in_situation(situation, actor)
    before = everything(program)
    if situation in ALLOWED[operation]:
        OPERATIONS[operation](program, actor)
        return
    with pytest.raises(Exception) as refused:
        OPERATIONS[operation](program, actor)
    assert isinstance(refused.value, Conflict) or operation == "amend", refused.value
    message = refused.value.problems[0].message
    assert message[0].isupper(), message
    assert message.endswith("."), message
    assert everything(program) == before


def test_nothing_starts_a_stopped_program():
    """PRG-45: whatever one tries, in whatever order."""
    actor = make.staff()
    program = in_situation("stopped", actor)
    runs = make.ids(Participant.objects.filter(program=program))
    before = everything(program)
    for operation in (*OPERATIONS.values(), *OPERATIONS.values()):
        with pytest.raises(Conflict):
            operation(program, actor)
    assert retry_participants(runs, actor=actor) == 0
    assert everything(program) == before


@pytest.mark.parametrize("operation", [disable_program, enable_program, unschedule_program])
def test_changing_a_life_needs_its_permission(operation):
    with pytest.raises(NotAllowed):
        operation(make.program(TIMER).pk, actor=make.staff("csm"))


# --- entries off and on ---------------------------------------------------------------------------


def segment(value="pro"):
    AttributeDefinition.objects.get_or_create(
        subject="person", name="plan", defaults={"label": "Plan", "type": "text"}
    )
    rule = {"test": "attribute", "name": "plan", "operator": "equals", "value": value}
    return save_segment(
        SegmentInput(name=f"Plan {value}", subject="person", kind="dynamic", rule=rule), actor=None
    )


def join(person, run_lanes, value="pro"):
    patch_attributes("person", {person.pk: {"plan": value}}, cause={})
    run_lanes()


def program_of(found, *steps, **more):
    source = {"kind": "segment", "segment": found.pk}
    return make.program(*(steps or (TIMER,)), entry={"sources": [source], **more})


def states(program):
    return sorted(Participant.objects.filter(program=program).values_list("state", flat=True))


def now_is(program):
    program.refresh_from_db()
    return (program.state, program.accepts_entries)


@pytest.mark.parametrize("freezing", [False, True])
def test_who_comes_while_entries_are_off_gets_in_afterwards(run_lanes, freezing):
    """PRG-45: nobody is forgotten, nobody enters meanwhile."""
    program = program_of(segment())
    first, late, gone = (make.person() for _ in range(3))
    join(first, run_lanes)
    assert disable_program(program.pk, actor=None, freeze_runs=freezing) == freezing
    join(late, run_lanes)
    join(gone, run_lanes)
    join(gone, run_lanes, value="free")
    assert Participant.objects.filter(program=program).count() == 1
    assert set(Refusal.objects.values_list("person_id", "reason")) == {
        (late.pk, "paused"), (gone.pk, "paused")
    }  # fmt: skip
    assert enable_program(program.pk, actor=None) == freezing
    run_lanes()
    entered = set(Participant.objects.filter(program=program).values_list("person_id", flat=True))
    assert entered == {first.pk, late.pk}
    assert states(program) == ["active", "active"]
    assert now_is(program) == ("active", True)
    assert not Refusal.objects.exists()


def test_runs_under_way_finish_or_freeze(run_lanes):
    """PRG-45: freezing is a pause: spans are lengthened by it."""
    finishing, freezing = make.program(TIMER), make.program(TIMER)
    for program in (finishing, freezing):
        enroll(program.pk, [make.person().pk], actor=None)
    run_lanes()
    disable_program(finishing.pk, actor=None)
    disable_program(freezing.pk, actor=None, freeze_runs=True)
    assert now_is(finishing) == ("active", False)
    assert now_is(freezing) == ("paused", False)
    assert (states(finishing), states(freezing)) == (["active"], ["paused"])
    Participant.objects.filter(program=finishing).update(due_at=now())
    run_lanes()
    assert (states(finishing), states(freezing)) == (["completed"], ["paused"])
    assert now_is(finishing) == ("completed", False)


def test_enabling_does_not_resume_a_pause_of_its_own(run_lanes):
    """PRG-45: off, then paused for another reason: entries count from the resume on."""
    program = program_of(segment())
    disable_program(program.pk, actor=None, freeze_runs=True)
    resume_program(program.pk, actor=None)
    assert now_is(program) == ("active", False)
    enroll_others = make.person()
    with pytest.raises(Conflict):
        enroll(program.pk, [enroll_others.pk], actor=None)
    pause_program(program.pk, actor=None)
    late = make.person()
    join(late, run_lanes)
    enable_program(program.pk, actor=None)
    assert now_is(program) == ("paused", True)
    assert states(program) == []
    resume_program(program.pk, actor=None)
    assert Participant.objects.get(program=program).person_id == late.pk


def test_resuming_leaves_entries_off(run_lanes):
    """PRG-45: who came is held back further."""
    program = program_of(segment())
    disable_program(program.pk, actor=None, freeze_runs=True)
    join(make.person(), run_lanes)
    resume_program(program.pk, actor=None)
    run_lanes()
    assert states(program) == []
    assert Refusal.objects.filter(reason="paused").count() == 1


def test_members_who_were_inside_are_taken_in_once_entries_are_on(run_lanes):
    """PRG-21: a scan that entries off interrupt goes on later."""
    found = segment()
    someone = make.person()
    join(someone, run_lanes)
    program = program_of(found, include_existing=True)
    disable_program(program.pk, actor=None)
    assert EntryScan.objects.filter(done_at=None).exists()
    run_lanes()
    assert states(program) == []
    enable_program(program.pk, actor=None)
    run_lanes()
    assert Participant.objects.get(program=program).person_id == someone.pk


# --- completed ------------------------------------------------------------------------------------


def test_a_program_is_completed_when_its_last_run_has_ended(run_lanes):
    program = make.program(TIMER)
    enroll(program.pk, make.ids(make.people(2)), actor=None)
    run_lanes()
    disable_program(program.pk, actor=None)
    run_lanes()
    assert now_is(program)[0] == "active"
    one, other = make.ids(Participant.objects.all())
    for run in (one, other):
        assert not completion_pending()
        Participant.objects.filter(pk=run).update(due_at=now())
        run_lanes("live")
    assert completion_pending()
    assert complete_programs() == 1
    assert not completion_pending()
    assert complete_programs() == 0
    change = program.state_changes.first()
    assert (change.what, change.by, now_is(program)[0]) == ("completed", None, "completed")


def test_an_open_program_without_anybody_is_not_completed(run_lanes):
    program = make.program(TIMER)
    run_lanes()
    assert now_is(program)[0] == "active"


def test_a_completed_program_takes_in_who_came_when_it_is_enabled(run_lanes):
    program = program_of(segment())
    disable_program(program.pk, actor=None)
    run_lanes()
    assert now_is(program)[0] == "completed"
    late = make.person()
    join(late, run_lanes)
    assert states(program) == []
    enable_program(program.pk, actor=None)
    run_lanes()
    assert now_is(program) == ("active", True)
    assert Participant.objects.get(program=program).person_id == late.pk


def test_looking_for_completed_programs_costs_the_same_for_1_and_20(
    run_lanes, django_assert_max_num_queries
):
    for _ in range(20):
        disable_program(make.program(TIMER).pk, actor=None)
    with django_assert_max_num_queries(90):  # history and audit trail: a row each
        assert complete_programs() == 20


# --- history --------------------------------------------------------------------------------------


def test_the_history_names_what_happened_by_whom_and_why(run_lanes):
    ann = make.staff()
    program = make.program(TIMER)
    pause_program(program.pk, actor=ann, reason="Wrong link")
    resume_program(program.pk, actor=ann)
    disable_program(program.pk, actor=ann, freeze_runs=True, reason="Too many")
    enable_program(program.pk, actor=ann)
    stop_program(program.pk, actor=ann, reason="Enough")
    rows = program.state_changes.order_by("pk").values_list("what", "old", "new", "reason", "by")
    assert list(rows) == [
        ("published", "draft", "active", "Published version 1", None),
        ("paused", "active", "paused", "Wrong link", ann.pk),
        ("resumed", "paused", "active", "", ann.pk),
        ("disabled", "active", "paused", "Too many", ann.pk),
        ("enabled", "paused", "active", "", ann.pk),
        ("stopped", "active", "stopped", "Enough", ann.pk),
    ]
    assert pauses_of(program.pk, now()).count == 2


def test_the_length_of_pauses_is_added_up():
    start = now()

    def after(hours):
        return start + timedelta(hours=hours)

    rows = [
        ("draft", "active", after(0)),
        ("active", "paused", after(1)),
        ("paused", "paused", after(2)),
        ("paused", "active", after(4)),
        ("active", "active", after(5)),
        ("active", "paused", after(6)),
    ]
    found = pauses(rows, after(10))
    assert (found.count, found.total) == (2, timedelta(hours=7))
    assert pauses([*rows, ("paused", "stopped", after(7))], after(10)).total == timedelta(hours=4)
    assert pauses([], after(1)).total == timedelta()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 seconds"), (1, "1 second"), (61, "1 minute 1 second"), (90_061, "1 day 1 hour")],
)
def test_a_length_in_words(seconds, words):
    assert span(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize("joins", ["as planned", "row by row"])
def test_many_who_were_held_back_get_in_by_the_bulk_lane(run_lanes, monkeypatch, joins):
    """PRG-45: the click that takes entries again lets in the first of them only, whatever the
    planner thinks of the table's size."""
    if joins == "row by row":
        for way in ("hashjoin", "mergejoin", "hashagg", "sort", "material"):
            sql.run(f"SET LOCAL enable_{way} = off", [])
    monkeypatch.setattr(engine_entry, "HELD_AT_ONCE", 2)
    program = program_of(segment())
    disable_program(program.pk, actor=None)
    for someone in make.people(5):
        join(someone, run_lanes)
    enable_program(program.pk, actor=None)
    assert Participant.objects.filter(program=program).count() == 2
    run_lanes("bulk")
    assert Participant.objects.filter(program=program).count() == 5
    assert not Refusal.objects.exists()

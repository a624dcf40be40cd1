"""Two processes at the same moment: nothing is missed, nobody slips through (PRG-23, PRG-45)."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import transaction

from csplatform.customers.models import AttributeDefinition
from csplatform.customers.operations.attributes import patch_attributes
from csplatform.customers.operations.merge import merge_people
from csplatform.freshness import loop
from csplatform.kit import sql
from journeys.engine import advance
from journeys.models import Participant
from journeys.operations.draft import save_draft
from journeys.operations.enroll import enroll, retry_participants
from journeys.operations.life import pause_program, stop_program
from journeys.operations.publish import publish_program
from journeys.operations.relocate import relocate_chunk
from tests import factories as make
from tests.journeys.engine.racing import MEANWHILE, elsewhere, held_before_writing

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(3) as found:
        yield found


def test_a_fact_that_changes_while_a_wait_is_armed_wakes_it(monkeypatch, pool, run_lanes):
    """PRG-06: the worker saw the old fact, the loop must not overlook the row in its hand."""
    AttributeDefinition.objects.create(subject="person", name="plan", label="Plan", type="text")
    rule = {"test": "attribute", "name": "plan", "operator": "equals", "value": "pro"}
    program = make.program(
        make.step("conditional_wait", "cw", conditions=[{"type": "rule", "rule": rule}],
                  exits={"met": [make.step("exit", "e1", reason="met")], "not_met": []}),
    )  # fmt: skip
    someone = make.person()
    enroll(program.pk, [someone.pk], actor=None)
    loop.run_batch()
    advance.advance_due(0)
    run = Participant.objects.get()
    assert run.phase == "arming"
    with held_before_writing(monkeypatch, pool, lambda: advance.run_ids([run.pk])):
        patch_attributes("person", {someone.pk: {"plan": "pro"}}, cause={})
        looked = elsewhere(pool, loop.run_batch)
        time.sleep(MEANWHILE)
    looked.result(10)
    run_lanes("live")
    assert Participant.objects.get().end_reason == "met"


def test_who_reaches_a_wait_while_the_program_is_paused_freezes(monkeypatch, pool):
    """PRG-45: the worker read "active", the pause must not overlook the row in its hand."""
    program = make.program(make.step("wait_timer", "w1", amount=3, unit="days"))
    enroll(program.pk, [make.person().pk], actor=None)
    ids = make.ids(Participant.objects.all())
    with held_before_writing(monkeypatch, pool, lambda: advance.run_ids(ids)):
        paused = elsewhere(pool, lambda: pause_program(program.pk, actor=None))
        time.sleep(MEANWHILE)
    paused.result(10)
    run = Participant.objects.get()
    assert (run.state, run.due_at) == ("paused", None)
    assert run.remaining.days == 2


def test_nobody_is_revived_into_a_program_being_stopped(pool):
    """PRG-45: stop is final, also for who is retried at the same moment."""
    program = make.program(make.step("wait_timer", "w1"))
    enroll(program.pk, [make.person().pk], actor=None)
    Participant.objects.update(state="failed", ended_at="2026-01-01T00:00Z", due_at=None)
    with transaction.atomic():
        assert retry_participants(make.ids(Participant.objects.all()), actor=None) == 1
        stopped = elsewhere(pool, lambda: stop_program(program.pk, actor=None))
        time.sleep(MEANWHILE)
    stopped.result(10)
    assert Participant.objects.get().state == "removed"


def test_nobody_enters_as_a_person_that_is_being_merged_away(pool):
    """CUS-04, PRG-23: who is merged at this moment does not travel on as a tombstone."""
    program = make.program(make.step("wait_timer", "w1"))
    winner, loser = make.person(), make.person()
    with transaction.atomic():
        merge_people(winner.pk, loser.pk, actor=None)
        entered = elsewhere(pool, lambda: enroll(program.pk, [loser.pk], actor=None))
        time.sleep(MEANWHILE)
    assert entered.result(10).entered == 0
    assert not Participant.objects.exists()


def another_version(program):
    """Three days become five; whoever waits goes along."""
    program.refresh_from_db()
    flow = make.flow(make.step("wait_timer", "w1", amount=5), make.step("wait_timer", "w2"))
    save_draft(program.pk, flow, revision=program.draft_revision, actor=None)
    publish_program(program.pk, actor=None, moves={"w1": {"do": "move"}})


def two_timers(run_lanes):
    program = make.program(
        make.step("wait_timer", "w1", amount=3), make.step("wait_timer", "w2", amount=1)
    )
    enroll(program.pk, [make.person().pk], actor=None)
    run_lanes()
    sql.run("UPDATE journeys_participant SET due_at = now(), step_since = now() - interval '3 d'")
    return program, make.ids(Participant.objects.all())


def test_who_goes_on_in_a_workers_hand_is_not_moved(monkeypatch, pool, run_lanes):
    """PRG-42: the move waits for the worker, and then finds nobody at the step."""
    program, ids = two_timers(run_lanes)
    with held_before_writing(monkeypatch, pool, lambda: advance.run_ids(ids)):
        another_version(program)
        moved = elsewhere(pool, relocate_chunk)
        time.sleep(MEANWHILE)
    moved.result(10)
    run = Participant.objects.get()
    assert (run.step.key, run.version.number) == ("w2", 1)


def test_who_is_claimed_before_a_move_goes_on_by_the_version_waited_for(
    monkeypatch, pool, run_lanes
):
    """PRG-42: the ids were taken, the rows not yet; whose time has come is not moved."""
    program, ids = two_timers(run_lanes)
    another_version(program)
    lock = advance.lock_rows

    def late(*args, **more):
        elsewhere(pool, relocate_chunk).result(10)
        return lock(*args, **more)

    with monkeypatch.context() as patched:
        patched.setattr(advance, "lock_rows", late)
        advance.run_ids(ids)
    run_lanes()
    run = Participant.objects.get()
    assert (run.step.key, run.version.number, run.visit) == ("w2", 1, 0)

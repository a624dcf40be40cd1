"""What happens while somebody is in hand is neither lost nor done twice (PRG-06, REL-01)."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models import Count

from csplatform.customers.models import AttributeDefinition
from csplatform.customers.operations.erase import erase_person
from csplatform.customers.operations.events import EventInput, record_events
from csplatform.customers.operations.merge import merge_people
from csplatform.kit import sql
from csplatform.kit.errors import Conflict
from journeys.engine import advance, inbox
from journeys.models import Batch, Outbox, Participant, ProgramVersion, Transition, Wait
from journeys.operations.amend import amend_step
from journeys.operations.enroll import enroll, retry_participants
from journeys.operations.life import pause_program, resume_program
from journeys.operations.publish import publish_program
from tests import factories as make
from tests.customers.race import in_threads
from tests.journeys.engine.racing import MEANWHILE, elsewhere, held_before_writing
from tests.journeys.engine.test_advance import pass_time

pytestmark = pytest.mark.django_db(transaction=True)
DEAD_WORKER = 4_242_424_242


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(3) as found:
        yield found


@pytest.fixture
def plan():
    AttributeDefinition.objects.create(subject="person", name="plan", label="Plan", type="text")
    return lambda value: {
        "type": "rule", "step": "", "event": "",
        "rule": {"test": "attribute", "name": "plan", "operator": "equals", "value": value},
    }  # fmt: skip


def waiting_for_an_opening(run_lanes: Callable[..., int] | None, people: int = 1):
    """A program whose mail is waited for; with `run_lanes` everybody listens already."""
    mail = make.mail_template()
    program = make.program(
        make.step("send_email", "ml", template=mail.pk),
        make.step("conditional_wait", "cw", amount=3, unit="days",
                  conditions=[{"type": "event", "step": "ml", "event": "opened"}],
                  exits={"met": [make.step("exit", "e1", reason="met")],
                         "not_met": [make.step("exit", "e2", reason="not met")]}),
    )  # fmt: skip
    enroll(program.pk, make.ids(make.people(people)), actor=None)
    if run_lanes:
        run_lanes("live")
    else:
        advance.advance_due(0)
    return program


def opening(message: Outbox) -> EventInput:
    return EventInput("email.opened", person_id=message.person_id, ref=message.pk)


def the_run() -> Participant:
    return Participant.objects.get()


def one_exit_each() -> bool:
    """Nobody left the wait twice."""
    exits = Transition.objects.filter(exit__in=["met", "not_met"]).values("participant_id")
    counts = exits.annotate(times=Count("pk")).values_list("times", flat=True)
    return list(counts) == [1] * Participant.objects.count()


# --- event against limit and arming -------------------------------------------------------


def test_an_event_while_the_limit_decides_is_noted_as_late(monkeypatch, pool, run_lanes):
    """PRG-06: the decision was taken before it; it does not count, and it is told."""
    waiting_for_an_opening(run_lanes)
    pass_time(days=3, minutes=1)
    ids = [the_run().pk]
    with held_before_writing(monkeypatch, pool, lambda: advance.run_ids(ids)):
        record_events([opening(Outbox.objects.get())])
        assert elsewhere(pool, inbox.run_batch).result(10) == 0  # in hand: the event waits
    run_lanes("live")
    assert the_run().end_reason == "not met"
    assert one_exit_each()
    assert Transition.objects.filter(kind="late").count() == 1


def test_an_event_decided_while_the_limit_passes_is_met(monkeypatch, pool, run_lanes):
    """PRG-06: first decision wins; the worker of due participants passes over who is in hand."""
    waiting_for_an_opening(run_lanes)
    record_events([opening(Outbox.objects.get())])
    pass_time(days=3, minutes=1)
    with held_before_writing(monkeypatch, pool, inbox.run_batch):
        limit = elsewhere(pool, lambda: advance.run_ids([the_run().pk]))
        assert limit.result(10) == 0
    run_lanes("live")
    assert the_run().end_reason == "met"
    assert one_exit_each()
    assert not Wait.objects.exists()


def test_events_and_limits_at_the_same_moment_each_decide_once(run_lanes):
    """PRG-06: forty people, both at once: everybody leaves once, and no event is lost."""
    waiting_for_an_opening(run_lanes, people=40)
    pass_time(days=3, minutes=1)
    openings = [opening(message) for message in Outbox.objects.order_by("pk")]

    def open_and_meet():
        for start in range(0, 40, 8):
            record_events(openings[start : start + 8])
            inbox.run_batch()

    ids = make.ids(Participant.objects.order_by("pk"))

    def decide():
        for start in range(0, 40, 8):
            advance.run_ids(ids[start : start + 8])

    assert not in_threads(open_and_meet, decide)
    run_lanes("live")
    assert one_exit_each()
    met = Transition.objects.filter(exit="met").count()
    assert met + Transition.objects.filter(kind="late").count() == 40
    assert not inbox.pending()


def test_an_event_while_a_wait_is_armed_meets_it(monkeypatch, pool, run_lanes):
    """PRG-06: the worker has looked at history and seen nothing; then the event comes."""
    waiting_for_an_opening(None)
    run = the_run()
    assert run.phase == "arming"
    with held_before_writing(monkeypatch, pool, lambda: advance.run_ids([run.pk])):
        record_events([opening(Outbox.objects.get())])
        elsewhere(pool, inbox.run_batch).result(10)
    run_lanes("live")
    assert the_run().end_reason == "met"
    assert one_exit_each()


# --- workers against each other -----------------------------------------------------------


def test_two_workers_with_the_same_ids_decide_once(monkeypatch, pool):
    """REL-01: who is in hand is passed over; afterwards there is nothing left to decide."""
    program = make.program(make.step("send_email", "ml", template=make.mail_template().pk))
    enroll(program.pk, make.ids(make.people(5)), actor=None)
    ids = make.ids(Participant.objects.order_by("pk"))
    with held_before_writing(monkeypatch, pool, lambda: advance.run_ids(ids)):
        assert elsewhere(pool, lambda: advance.run_ids(ids)).result(10) == 0
    assert advance.run_ids(ids) == 0
    assert Outbox.objects.count() == 5
    kinds = list(Transition.objects.order_by("kind").values_list("kind", flat=True))
    assert kinds == ["enter"] * 5 + ["go"] * 5 + ["leave"] * 5


def test_many_workers_on_one_lane_take_everybody_once(monkeypatch):
    """REL-01: three at once, hundreds of people, no decision twice."""
    monkeypatch.setattr(advance, "BATCH", 10)
    program = make.program(make.step("send_email", "ml", template=make.mail_template().pk))
    enroll(program.pk, make.ids(make.people(150)), actor=None)

    def work():
        while advance.advance_due(0):
            pass

    assert not in_threads(work, work, work)
    assert Participant.objects.filter(state="completed").count() == 150
    assert Outbox.objects.count() == 150
    assert Transition.objects.count() == 450
    assert not Batch.objects.exists()


def test_a_dead_workers_batch_is_taken_over_once():
    """REL-01: two chores that recover at the same moment."""
    program = make.program(make.step("send_email", "ml", template=make.mail_template().pk))
    enroll(program.pk, make.ids(make.people(20)), actor=None)
    ids = make.ids(Participant.objects.order_by("pk"))
    sql.run(
        "INSERT INTO journeys_batch (worker, participants, deaths, started_at)"
        " VALUES (%s, %s, 0, now())",
        [DEAD_WORKER, ids],
    )
    taken: list[int] = []
    assert not in_threads(*[lambda: taken.append(advance.recover())] * 2)
    assert sum(taken) == 1
    assert Outbox.objects.count() == 20
    assert not Batch.objects.exists()


# --- staff against workers ----------------------------------------------------------------


def test_of_two_who_publish_at_once_one_is_told(pool):
    """PRG-41: one version, one Conflict."""
    program = make.program(make.step("wait_timer", "w1"), publish=False)
    with transaction.atomic():
        publish_program(program.pk, actor=None)
        second = elsewhere(pool, lambda: publish_program(program.pk, actor=None))
        time.sleep(MEANWHILE)
    with pytest.raises(Conflict):
        second.result(10)
    assert ProgramVersion.objects.filter(program=program).count() == 1


def test_a_merge_waits_for_who_is_in_hand_and_takes_over_what_it_wrote(
    monkeypatch, pool, run_lanes
):
    """CUS-04: the worker writes mail and waits for the loser; all of it is the winner's after."""
    waiting_for_an_opening(None)
    run = the_run()
    Participant.objects.update(phase="run", step=run.version.steps.get(key="ml"), visit=1)
    Wait.objects.all().delete()
    winner, loser = make.person(), run.person_id
    with held_before_writing(monkeypatch, pool, lambda: advance.run_ids([run.pk])):
        merged = elsewhere(pool, lambda: merge_people(winner.pk, loser, actor=None))
        time.sleep(MEANWHILE)
    assert merged.result(10) is True
    message = Outbox.objects.get(visit=1)
    assert {the_run().person_id, message.person_id, Wait.objects.get().person_id} == {winner.pk}
    run_lanes("live")
    record_events([opening(message)])
    run_lanes("live")
    assert the_run().end_reason == "met"


def test_an_event_about_somebody_being_merged_away_wakes_the_winners_run(pool, run_lanes):
    """CUS-04, PRG-06: it is recorded for the loser, and the wait is the winner's by then."""
    waiting_for_an_opening(run_lanes)
    winner, event = make.person(), opening(Outbox.objects.get())
    with transaction.atomic():
        merge_people(winner.pk, event.person_id, actor=None)
        recorded = elsewhere(pool, lambda: record_events([event]))
        time.sleep(MEANWHILE)
    recorded.result(10)
    run_lanes("live")
    assert (the_run().person_id, the_run().end_reason) == (winner.pk, "met")


def test_an_erasure_waits_for_who_is_in_hand_and_takes_away_what_it_wrote(monkeypatch, pool):
    """CUS-04: the worker writes a mail and waits for somebody who is being erased."""
    mail = make.mail_template()
    program = make.program(
        make.step("send_email", "ml", template=mail.pk), make.step("wait_timer", "w1")
    )
    someone = make.person()
    enroll(program.pk, [someone.pk], actor=None)
    ids = [the_run().pk]
    with held_before_writing(monkeypatch, pool, lambda: advance.run_ids(ids)):
        erased = elsewhere(pool, lambda: erase_person(someone.pk, actor=None))
        time.sleep(MEANWHILE)
    assert erased.result(10) is True
    run = the_run()
    assert (run.state, run.end_reason, run.due_at) == ("removed", "erased", None)
    assert Outbox.objects.get().state == "cancelled"
    assert advance.run_ids(ids) == 0


def test_nobody_is_revived_who_is_being_erased(pool):
    """CUS-04: a failed run that is retried at the same moment ends with the others."""
    program = make.program(make.step("wait_timer", "w1"))
    someone = make.person()
    enroll(program.pk, [someone.pk], actor=None)
    Participant.objects.update(state="failed", ended_at="2026-01-01T00:00Z", due_at=None)
    with transaction.atomic():
        assert retry_participants([the_run().pk], actor=None) == 1
        erased = elsewhere(pool, lambda: erase_person(someone.pk, actor=None))
        time.sleep(MEANWHILE)
    erased.result(10)
    assert the_run().state == "removed"
    Participant.objects.update(state="failed")
    assert retry_participants([the_run().pk], actor=None) == 0


def test_an_amendment_reaches_who_was_judged_by_the_old_conditions(
    monkeypatch, pool, run_lanes, plan
):
    """PRG-44: the worker read the old ones and lets the wait stand; the amendment wakes it."""
    config = {"conditions": [plan("pro")], "logic": "any", "amount": 3, "unit": "days"}
    program = make.program(
        make.step("conditional_wait", "cw", **config,
                  exits={"met": [make.step("exit", "e1", reason="met")], "not_met": []}),
    )  # fmt: skip
    enroll(program.pk, [make.person(attributes={"plan": "team"}).pk], actor=None)
    advance.advance_due(0)
    run = the_run()
    assert run.phase == "arming"
    config = {**config, "conditions": [plan("pro"), plan("team")]}
    with held_before_writing(monkeypatch, pool, lambda: advance.run_ids([run.pk])):
        amended = elsewhere(pool, lambda: amend_step(program.pk, "cw", config, actor=None))
        time.sleep(MEANWHILE)
    assert amended.result(10).number == 1
    run_lanes("live")
    assert the_run().end_reason == "met"
    assert Transition.objects.get(exit="met").amendment == 1


def test_a_pause_while_a_wait_is_armed_freezes_it_whole(monkeypatch, pool, run_lanes):
    """PRG-45: the worker lets it wait for its limit; the pause keeps what is left of it."""
    program = waiting_for_an_opening(None)
    run = the_run()
    with held_before_writing(monkeypatch, pool, lambda: advance.run_ids([run.pk])):
        paused = elsewhere(pool, lambda: pause_program(program.pk, actor=None))
        time.sleep(MEANWHILE)
    assert paused.result(10) == 1
    run = the_run()
    assert (run.state, run.due_at) == ("paused", None)
    assert timedelta(days=2, hours=23) < run.remaining <= timedelta(days=3)
    record_events([opening(Outbox.objects.get())])
    run_lanes("live")
    assert the_run().state == "paused"
    resume_program(program.pk, actor=None)
    run_lanes("live")
    assert the_run().end_reason == "met"

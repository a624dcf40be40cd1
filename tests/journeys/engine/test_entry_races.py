"""Two at the same moment, on real connections (PRG-22, 23, 26)."""

import threading
import time

import pytest
from django.db import connection, transaction

from csplatform.customers.operations.events import EventInput, record_events
from csplatform.kit import sql
from journeys.engine import arrivals
from journeys.models import Participant
from journeys.operations.enroll import enroll
from tests import factories as make

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*jobs):
    """Run jobs in threads of their own; their errors."""
    errors = []

    def run(job):
        try:
            job()
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    return errors


def test_two_programs_that_take_people_out_of_each_other():
    """PRG-26: no deadlock, whoever enters both is inside exactly one of them: the later."""
    wait = make.step("wait_timer", "w1", amount=30, unit="days")
    people = make.ids(make.people(40))
    programs = [make.program(wait, leaving={"unenrol": "all"}) for _ in range(2)]

    def entering(program, order):
        def job():
            for pk in order:
                enroll(program.pk, [pk, *people[:3]], actor=None)

        return job

    errors = at_once(
        entering(programs[0], people), entering(programs[1], list(reversed(people)))
    )  # fmt: skip
    assert errors == []
    inside = Participant.objects.filter(ended_at=None).values_list("person", flat=True)
    assert sorted(inside) == people
    assert Participant.objects.exclude(ended_at=None).count() > 0
    ended = Participant.objects.exclude(ended_at=None)
    assert set(ended.values_list("state", flat=True)) == {"unenrolled"}


def test_the_second_waits_for_the_first_and_ends_its_run():
    """PRG-26: the stated outcome, step by step."""
    wait = make.step("wait_timer", "w1", amount=30, unit="days")
    person = make.person()
    first, second = (make.program(wait, leaving={"unenrol": "all"}) for _ in range(2))
    entered, go_on = threading.Event(), threading.Event()

    def slow():
        with transaction.atomic():
            enroll(first.pk, [person.pk], actor=None)
            entered.set()
            go_on.wait(20)

    def quick():
        entered.wait(20)
        threading.Timer(0.3, go_on.set).start()
        enroll(second.pk, [person.pk], actor=None)

    assert at_once(slow, quick) == []
    assert first.participants.get().state == "unenrolled"
    assert second.participants.get().state == "active"


def test_one_key_is_one_run_however_many_ask():
    """PRG-22: held by the constraint; the lock of the program is not what keeps it."""
    made = make.program(
        make.step("wait_timer", "w1"),
        entry={"sources": [], "unique_by": ["context_id"], "re_enrolment": "every_time"},
    )
    people = make.ids(make.people(12))
    jobs = [
        lambda pk=pk: enroll(made.pk, [pk], actor=None, context_id="T-1") for pk in people
    ]  # fmt: skip
    assert at_once(*jobs) == []
    assert made.participants.count() == 1
    key = made.participants.get().unique_key
    with pytest.raises(Exception, match="one_run_per_unique_key"), transaction.atomic():
        sql.run(
            "INSERT INTO journeys_participant (program_id, version_id, person_id, context_id,"
            " state, lane, phase, visit, refs, step_since, entered_at, end_reason, deaths, cause,"
            " depth,"
            " wait_local, wait_zone, unique_key) SELECT program_id, version_id, %s, 'x', state,"
            " lane, phase, visit, refs, step_since, entered_at, end_reason, deaths, cause, depth,"
            " wait_local, wait_zone, %s FROM journeys_participant LIMIT 1",
            [people[-1], key],
        )


def test_two_workers_let_everybody_in_once():
    """PRG-20: every event once, also when a worker dies with a batch in hand."""
    source = {"kind": "event", "event": "signup", "context_id": "n"}
    made = make.program(
        make.step("wait_timer", "w1"),
        entry={"sources": [source], "re_enrolment": "every_time"},
    )
    people = make.ids(make.people(30))
    for number in range(5):
        record_events(
            [EventInput("signup", person_id=pk, properties={"n": number}) for pk in people]
        )

    def dies():
        """All is done but the commit, and the process is gone."""
        with transaction.atomic():
            arrivals._meet(40)
            time.sleep(0.3)
            transaction.set_rollback(True)

    def works():
        while arrivals.run_batch():
            pass

    assert at_once(dies, works, works) == []
    works()
    assert made.participants.count() == 150
    assert made.participants.values("person", "context_id").distinct().count() == 150

"""Events as sources: every one is a candidate, once (PRG-20, 22, 23, 24)."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from csplatform.customers.models import EventInbox
from csplatform.customers.operations.events import EventInput, record_events
from csplatform.kit import sql
from journeys.engine import arrivals
from journeys.models import Participant, Refusal, Transition
from journeys.operations.life import pause_program, resume_program
from tests import factories as make

pytestmark = [pytest.mark.smoke, pytest.mark.django_db]

CLOSED = {
    "kind": "event", "event": "ticket.closed", "context_id": "ticket",
    "where": [{"property": "severity", "operator": "in", "value": ["high", "urgent"]}],
    "fields": [{"field": "agent", "property": "agent"}, {"field": "minutes", "property": "took"}],
}  # fmt: skip


def program(**more):
    entry = {"sources": [CLOSED], **more}
    return make.program(make.step("wait_timer", "w1"), entry=entry)


def happens(person, ticket, severity="high", **properties):
    given = {"ticket": ticket, "severity": severity, **properties}
    record_events([EventInput("ticket.closed", person_id=person.pk, properties=given)])


def test_an_event_lets_its_person_in_with_context_and_fields(run_lanes):
    """PRG-20: also somebody who is inside no segment at all."""
    made, person = program(), make.person()
    happens(person, 17, agent="Kim", took=42, rest=[1])
    assert arrivals.pending()
    run_lanes()
    run = Participant.objects.get()
    assert (run.program, run.person, run.context_id) == (made, person, "17")
    assert run.fields == {"agent": "Kim", "minutes": 42}
    entered = Transition.objects.get(participant_id=run.pk, kind="enter")
    assert entered.evidence["event"] == "ticket.closed"
    assert not EventInbox.objects.exists()


def test_events_that_do_not_fit_let_nobody_in(run_lanes):
    """PRG-20: property filters; an event about nobody."""
    program()
    happens(make.person(), 1, severity="low")
    record_events([EventInput("ticket.closed", properties={"severity": "high"})])
    run_lanes()
    assert not Participant.objects.exists()
    assert not EventInbox.objects.exists()


def test_two_contexts_are_two_runs_and_the_same_one_is_none_more(run_lanes):
    """PRG-23: at most one active run per context."""
    program(re_enrolment="every_time")
    person = make.person()
    for ticket in (1, 2, 2, 1):
        happens(person, ticket)
    run_lanes()
    assert sorted(Participant.objects.values_list("context_id", flat=True)) == ["1", "2"]


def test_what_comes_in_a_pause_enters_with_all_that_it_brought(run_lanes):
    """PRG-24, 45: held back with context and fields."""
    made, person = program(), make.person()
    pause_program(made.pk, actor=None)
    happens(person, 5, agent="Kim")
    run_lanes()
    held = Refusal.objects.get()
    assert (held.reason, held.context_id, held.fields) == ("paused", "5", {"agent": "Kim"})
    resume_program(made.pk, actor=None)
    run_lanes()
    run = Participant.objects.get()
    assert (run.context_id, run.fields) == ("5", {"agent": "Kim"})
    assert not Refusal.objects.exists()


def test_an_arrival_that_cannot_be_let_in_holds_up_no_other(monkeypatch):
    """An event flood with one bad event in it: all others enter, the bad one is dropped."""
    program()
    bad, good = make.person(), [make.person() for _ in range(3)]
    for person in (good[0], bad, *good[1:]):
        happens(person, 1)
    real = arrivals.enter

    def enter(found, version, entry, candidates, **more):
        if bad.pk in {candidate.id for candidate in candidates}:
            raise ValueError("cannot")
        return real(found, version, entry, candidates, **more)

    monkeypatch.setattr(arrivals, "enter", enter)
    while arrivals.run_batch():
        pass
    assert set(Participant.objects.values_list("person_id", flat=True)) == set(make.ids(good))
    assert not arrivals.pending()


def test_a_flood_takes_the_same_number_of_queries():
    """Think in sets: five events or five hundred."""
    made = program(re_enrolment="every_time")
    costs: list[int] = []
    for count in (5, 200):
        people = make.people(count)
        items = [
            EventInput("ticket.closed", person_id=p.pk, properties={"severity": "high"})
            for p in people
        ]
        record_events(items)
        with CaptureQueriesContext(connection) as queries:
            assert arrivals.run_batch() == count
        costs.append(len(queries))
    assert costs[0] == costs[1]
    assert made.participants.count() == 205


def test_the_key_of_uniqueness_is_held_by_the_database(run_lanes):
    """PRG-22: once per context id and month, whoever it is; two at once are one."""
    program(re_enrolment="every_time", unique_by=["context_id"], unique_period="month")
    first, second = make.person(), make.person()
    happens(first, 7)
    happens(second, 7)
    happens(second, 8)
    run_lanes()
    found = set(Participant.objects.values_list("person_id", "context_id"))
    assert found == {(first.pk, "7"), (second.pk, "8")}
    refused = Refusal.objects.get()
    assert (refused.person, refused.reason, refused.context_id) == (second, "not_unique", "7")
    happens(second, 7)
    run_lanes()
    assert Refusal.objects.get().times == 2
    # in the next month it counts anew
    sql.run("UPDATE journeys_participant SET unique_key = 'other' WHERE context_id = '7'")
    happens(second, 7)
    run_lanes()
    assert Participant.objects.filter(person=second, context_id="7").exists()

"""Into other programs, out of them, and telling staff (PRG-07)."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core import mail as django_mail
from django.db import connection

from csplatform.kit.errors import DomainError
from journeys.emails import sender
from journeys.engine import advance
from journeys.flow.checks import check_flow
from journeys.flow.parse import parse_flow
from journeys.models import Outbox, Participant, Program, Refusal, Transition
from journeys.models.participant import ParticipantState
from journeys.operations.draft import save_draft
from journeys.operations.enroll import enroll
from journeys.operations.life import stop_program
from journeys.operations.publish import publish_program
from tests import factories as make

pytestmark = pytest.mark.django_db
WAIT = ("wait_timer", "t1")


def waiting(**more):
    """A program that holds people."""
    return make.program(make.step(*WAIT, amount=5, unit="days"), **more)


def run_all():
    """Everybody due, until nobody is."""
    for _ in range(40):
        ids = make.ids(Participant.objects.exclude(due_at=None).filter(phase="run"))
        if not ids:
            return
        advance.run_ids(ids)


def told(program, kind="go"):
    return Transition.objects.filter(program_id=program.pk, kind=kind).first().evidence


def test_it_hands_over_and_goes_on():
    """The other program says by whom."""
    other = waiting()
    program = make.program(make.step("enter_program", "k1", program=other.pk))
    person = make.person()
    enroll(program.pk, [person.pk], actor=None)
    run_all()
    inside = Participant.objects.get(program=other)
    assert (inside.person_id, inside.state) == (person.pk, "active")
    assert inside.cause["from_program"] == program.pk
    assert Participant.objects.get(program=program).state == "completed"
    assert told(program) == {"program": other.pk, "entered": True}


def test_refusals_are_listed_there():
    """Its own rules of entry count; who is inside already is said here alone."""
    template = make.mail_template()
    other = make.program(
        make.step(*WAIT, amount=5, unit="days"),
        make.step("send_email", "m1", template=template.pk),
    )
    program = make.program(make.step("enter_program", "k1", program=other.pk))
    nobody, inside = make.person(email=None), make.person()
    enroll(other.pk, [inside.pk], actor=None)
    enroll(program.pk, [nobody.pk, inside.pk], actor=None)
    run_all()
    assert Refusal.objects.get(program=other).reason == "no_email"
    rows = Transition.objects.filter(program_id=program.pk, kind="go").order_by("participant_id")
    assert [row.evidence["refused"] for row in rows] == [
        "no_email", "Is in this program already."
    ]  # fmt: skip


@pytest.mark.parametrize("state", ["paused", "stopped", "deleted"])
def test_a_program_that_takes_nobody_in(state):
    """Paused or stopped since: refused there. Deleted: said here. Nobody is stuck."""
    other = waiting()
    program = make.program(make.step("enter_program", "k1", program=other.pk))
    if state == "deleted":
        Program.objects.filter(pk=other.pk).update(published=None)
        Program.objects.get(pk=other.pk).delete()
    else:
        Program.objects.filter(pk=other.pk).update(state=state)
    enroll(program.pk, [make.person().pk], actor=None)
    run_all()
    assert Participant.objects.get(program=program).state == "completed"
    assert told(program)["entered"] is False
    if state != "deleted":
        assert Refusal.objects.get(program=other).reason == "closed"


def test_a_circle_is_stopped():
    """Two programs that let each other in for ever."""
    entry = {"sources": [], "re_enrolment": "every_time"}
    one = make.program(make.step("exit", "x1"), entry=entry)
    two = make.program(make.step("enter_program", "k1", program=one.pk), entry=entry)
    back = make.flow(make.step("enter_program", "k1", program=two.pk), entry=entry)
    save_draft(one.pk, back, revision=one.draft_revision, actor=None)
    publish_program(one.pk, actor=None)
    enroll(one.pk, [make.person().pk], actor=None)
    run_all()
    assert Refusal.objects.filter(reason="circle").count() == 1
    assert 5 < Participant.objects.count() < 15
    assert not Participant.objects.filter(ended_at=None).exists()


@pytest.mark.parametrize("which", ["one", "all"])
def test_it_takes_out_of_others(which):
    """One or all, never of itself; the feed names them."""
    first, second = waiting(), waiting()
    person = make.person()
    program = make.program(
        make.step("leave_program", "k1", which=which, program=first.pk),
        make.step(*WAIT, amount=1, unit="days"),
    )
    for each in (first, second, program):
        enroll(each.pk, [person.pk], actor=None)
    run_all()
    states = [Participant.objects.get(program=each).state for each in (first, second, program)]
    assert states == ["removed", "removed" if which == "all" else "active", "active"]
    assert told(program)["left"] == [
        p.name for p in ((first, second) if which == "all" else (first,))
    ]
    assert "Taken out by" in Participant.objects.get(program=first).end_reason


def test_who_is_taken_out_in_the_same_batch_stays_out():
    """Both are in one worker's hand: what it decided about the other is void."""
    other = waiting()
    program = make.program(make.step("leave_program", "k1", which="all"))
    person = make.person()
    enroll(other.pk, [person.pk], actor=None)
    enroll(program.pk, [person.pk], actor=None)
    advance.run_ids(make.ids(Participant.objects.order_by("pk")))
    assert Participant.objects.get(program=other).state == ParticipantState.REMOVED
    assert not Transition.objects.filter(program_id=other.pk, kind="wait").exists()


def test_staff_are_told(settings):
    """By mail to the company's CSM, with tokens; not counted as the person's."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    csm = make.staff("csm", email="kim@us.example")
    person = make.person(name="Ann", at=make.company(name="Acme", csm=csm))
    step = make.step(
        "notify_staff", "k1", subject="{{ company.name }}", message="{{ person.name }}!"
    )
    program = make.program(step)
    enroll(program.pk, [person.pk, make.person().pk], actor=None)
    run_all()
    sender.run_batch()
    (sent,) = django_mail.outbox
    assert (sent.to, sent.subject) == (["kim@us.example"], "Acme")
    assert "Ann" in sent.body
    assert Outbox.objects.get().person_id is None
    rows = Transition.objects.filter(kind="go").order_by("participant_id")
    assert [row.evidence["told"] for row in rows] == [[str(csm)], []]


@pytest.mark.parametrize(
    ("kind", "config", "found"),
    [
        ("enter_program", {}, "missing"), ("enter_program", {"program": 10**9}, "gone"),
        ("leave_program", {}, "missing"), ("notify_staff", {"to": "users"}, "missing"),
        ("notify_staff", {"message": "{{ person.nix }}"}, "unknown_token"),
    ],
)  # fmt: skip
def test_marks(kind, config, found):
    """What is missing or gone."""
    flow = parse_flow(make.flow(make.step(kind, "k1", **config)))
    marks = check_flow(flow, subject="person", program_id=1, model="journey")
    assert found in {mark.code for mark in marks if mark.step_key == "k1"}


def test_another_type_or_itself_is_refused():
    """A company program takes no people."""
    other = waiting(type="company")
    with pytest.raises(DomainError, match="not for people"):
        make.program(make.step("enter_program", "k1", program=other.pk))


@pytest.mark.django_db(transaction=True)
def test_handing_over_and_stopping_at_once_leaves_nobody_behind():
    """Whoever is first: in and taken out by the stop, or refused; no deadlock, nobody inside."""
    other = waiting()
    program = make.program(make.step("enter_program", "k1", program=other.pk))
    people = make.people(60)
    enroll(program.pk, make.ids(people), actor=None)
    ids = make.ids(Participant.objects.filter(program=program).order_by("pk"))
    admin = make.staff()

    def work(part):
        try:
            for n in range(0, len(part), 5):
                advance.run_ids(part[n : n + 5])
        finally:
            connection.close()

    def stop():
        try:
            time.sleep(0.05)
            stop_program(other.pk, actor=admin)
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        works = [pool.submit(work, ids[:30]), pool.submit(work, ids[30:]), pool.submit(stop)]
        for each in works:
            each.result(60)
    assert not Participant.objects.filter(ended_at=None).exists()
    inside = Participant.objects.filter(program=other).count()
    refused = Refusal.objects.filter(program=other, reason="closed").count()
    assert inside + refused == 60

"""What goes wrong stays with the one it goes wrong for (REL-01, REL-03, PRG-23)."""

from datetime import timedelta
from typing import ClassVar

import pytest
from django.db import connection, transaction

from csplatform.customers.operations.events import EventInput, record_events
from csplatform.customers.operations.merge import merge_people
from csplatform.kit import sql
from csplatform.kit.errors import DomainError
from csplatform.kit.liveness import worker_key
from csplatform.kit.registry import RegistrationError
from csplatform.kit.schema import Config
from journeys.engine import advance, inbox, versions
from journeys.models import Batch, Participant, Program, Step, Transition
from journeys.operations.draft import save_draft
from journeys.operations.enroll import enroll, retry_participants
from journeys.operations.life import lift_quarantines, stop_program
from journeys.operations.publish import publish_program
from journeys.steps.kind import StepKind
from journeys.steps.outcome import Go, Stay, WaitFor
from journeys.steps.registry import step_kinds
from tests import factories as make

pytestmark = pytest.mark.django_db
DEAD_WORKER = 4_242_424_242


class NoSettings(Config):
    """Nothing to set."""


class Poison(StepKind):
    """Fails for the subjects in `victims`, after writing something that must not stay."""

    key = "poison"
    label = "Poison"
    sentence = "Fails for some."
    icon = "skull"
    group = "Data"
    Config = NoSettings
    victims: ClassVar[set[int]] = set()

    def words(self, config, names):
        return "Fails for some"

    def run(self, batch):
        sql.run("INSERT INTO journeys_folder (name) VALUES ('written by a failing step')")
        if self.victims & {t.subject_id for t in batch.travellers}:
            raise ValueError("it was too strong")
        sql.run("DELETE FROM journeys_folder")
        return {t.id: Go() for t in batch.travellers}


@pytest.fixture
def poison():
    """The kind, registered for the length of a test."""
    with step_kinds.temporarily("poison", Poison()) as kind:
        yield kind


def test_one_poisoned_participant_fails_alone(poison, run_lanes):
    """A group is halved down to the culprit; the others go on, its half-done work is undone."""
    people = make.people(50)
    Poison.victims = {people[17].pk}
    program = make.program(make.step("poison", "p1"))
    enroll(program.pk, make.ids(people), actor=None)
    run_lanes()
    states = dict(Participant.objects.values_list("person_id", "state"))
    assert states.pop(people[17].pk) == "failed"
    assert set(states.values()) == {"completed"}
    failed = Participant.objects.get(state="failed")
    assert failed.end_reason == "it was too strong"
    assert not sql.one("SELECT count(*) FROM journeys_folder")


def test_a_failed_participant_can_try_again(poison, run_lanes):
    """The retry runs the step afresh, as another visit."""
    someone = make.person()
    Poison.victims = {someone.pk}
    program = make.program(make.step("poison", "p1"))
    enroll(program.pk, [someone.pk], actor=None)
    run_lanes()
    Poison.victims = set()
    failed = Participant.objects.get(state="failed")
    assert retry_participants([failed.pk], actor=None) == 1
    run_lanes()
    failed.refresh_from_db()
    assert (failed.state, failed.visit) == ("completed", 1)
    kinds = Transition.objects.filter(participant_id=failed.pk).order_by("id")
    assert list(kinds.values_list("kind", flat=True)) == [
        "enter", "fail", "retry", "go", "leave",
    ]  # fmt: skip


def orphan(ids, deaths=0):
    """A batch whose worker is gone."""
    return sql.one(
        "INSERT INTO journeys_batch (worker, participants, deaths, started_at)"
        " VALUES (%s, %s, %s, now()) RETURNING id",
        [DEAD_WORKER, ids, deaths],
    )


def test_the_batch_of_a_dead_worker_is_run_again():
    """Nobody is lost with a killed worker."""
    program = make.program(make.step("wait_timer", "w1"))
    enroll(program.pk, make.ids(make.people(4)), actor=None)
    orphan(make.ids(Participant.objects.order_by("pk")))
    assert advance.recover() == 1
    assert not Batch.objects.exists()
    assert set(Participant.objects.values_list("phase", flat=True)) == {"waiting"}


def test_the_third_death_fails_a_single_participant():
    """A participant that kills its workers is found, and it fails visibly."""
    program = make.program(make.step("wait_timer", "w1"))
    enroll(program.pk, make.ids(make.people(1)), actor=None)
    orphan([Participant.objects.get().pk], deaths=2)
    advance.recover()
    failed = Participant.objects.get()
    assert failed.state == "failed"
    assert "died 3 times" in failed.end_reason


def test_the_batch_of_a_living_worker_is_left_alone():
    """Only the end of its session lock makes a batch an orphan."""
    batch = sql.one(
        "INSERT INTO journeys_batch (worker, participants, deaths, started_at)"
        " VALUES (%s, '{1}', 0, now()) RETURNING id",
        [worker_key()],
    )
    assert advance.recover() == 0
    assert Batch.objects.get().pk == batch


def test_a_stored_unknown_kind_quarantines_its_program_only(poison, run_lanes):
    """The program waits with a clear word; other programs go on."""
    sick = make.program(make.step("poison", "p1"))
    well = make.program(make.step("exit", "e1"))
    Poison.victims = set()
    someone = make.person()
    for program in (sick, well):
        enroll(program.pk, [someone.pk], actor=None)
    versions.forget()
    del step_kinds._items["poison"]
    try:
        run_lanes()
    finally:
        step_kinds._items["poison"] = poison
    sick.refresh_from_db()
    assert "Unknown step kind: 'poison'" in sick.quarantine
    assert Participant.objects.get(program=sick).state == "active"
    assert Participant.objects.get(program=well).state == "completed"
    assert lift_quarantines() == 1  # the kind is back
    run_lanes()
    assert Participant.objects.get(program=sick).state == "completed"


def test_a_lifted_quarantine_catches_up(run_lanes):
    """REL-03: what happened meanwhile is looked at; what still cannot be read stays quarantined."""
    Unwritable.victims = set()
    with step_kinds.temporarily("unwritable", Unwritable()) as kind:
        program = make.program(make.step("unwritable", "u1"))
        someone = make.person()
        enroll(program.pk, [someone.pk], actor=None)
        run_lanes("live")
        versions.forget()
        del step_kinds._items["unwritable"]
        record_events([EventInput("login", person_id=someone.pk)])
        run_lanes("live")
        assert Participant.objects.get().state == "active"
        assert lift_quarantines() == 0
        program.refresh_from_db()
        assert program.quarantine
        step_kinds._items["unwritable"] = kind
        assert lift_quarantines() == 1
        assert Participant.objects.get().phase == "arming"


def test_a_bad_registration_names_itself(poison):
    """It stops the start, and says which."""
    with pytest.raises(RegistrationError, match="step kind 'poison' is registered twice"):
        step_kinds.register("poison", Poison())

    class Shapeless(Poison):
        group = "Nowhere"

    with pytest.raises(RegistrationError, match="step kind 'shapeless': unknown group 'Nowhere'"):
        step_kinds.register("shapeless", Shapeless())


def test_two_people_who_are_one_keep_the_older_run(run_lanes):
    """PRG-23, CUS-04: the younger run ends as merged, the older one belongs to the winner."""
    program = make.program(make.step("wait_timer", "w1"))
    winner, loser = make.person(), make.person()
    enroll(program.pk, [loser.pk], actor=None)
    enroll(program.pk, [winner.pk], actor=None)
    run_lanes()
    merge_people(winner.pk, loser.pk, actor=None)
    runs = Participant.objects.order_by("pk")
    assert [(run.person_id, run.state) for run in runs] == [
        (winner.pk, "active"), (winner.pk, "removed"),
    ]  # fmt: skip
    assert runs[1].end_reason == "merged"


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_have_the_same_participant():
    """What one has in hand the other passes over, without waiting."""
    program = make.program(make.step("wait_timer", "w1"))
    enroll(program.pk, make.ids(make.people(3)), actor=None)
    ids = make.ids(Participant.objects.order_by("pk"))
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT id FROM journeys_participant WHERE id = %s FOR UPDATE", [ids[0]])
            assert advance.run_ids(ids) == 2
            cursor.execute("ROLLBACK")
    finally:
        other.close()
    with transaction.atomic():
        assert advance.run_ids(ids) == 1


def test_a_published_version_with_a_broken_step_is_refused_whole():
    """PRG-41: nothing half-done; the draft stays a draft."""
    program = make.program(make.step("send_email", "ml"), publish=False)
    with pytest.raises(DomainError) as caught:
        publish_program(program.pk, actor=None)
    assert [p.path for p in caught.value.problems] == ["/steps/0/config/template"]
    program.refresh_from_db()
    assert (program.state, program.versions.count()) == ("draft", 0)
    assert Program.objects.get(pk=program.pk).published is None


def test_two_failed_runs_of_one_person_retried_together_revive_one():
    """PRG-23: the constraint is respected, not hit."""
    entry = {"sources": [], "re_enrolment": "every_time"}
    program = make.program(make.step("wait_timer", "w1"), entry=entry)
    someone = make.person()
    for _ in range(2):
        enroll(program.pk, [someone.pk], actor=None)
        Participant.objects.filter(ended_at=None).update(
            state="failed", ended_at="2026-01-01T00:00Z", due_at=None
        )
    ids = make.ids(Participant.objects.order_by("pk"))
    assert retry_participants(ids, actor=None) == 1
    assert Participant.objects.get(state="active").pk == ids[-1]


class Unwritable(StepKind):
    """Waits for a login; its decision about `victims` is one that PostgreSQL does not take."""

    key = "unwritable"
    label = "Unwritable"
    sentence = "Cannot be written."
    icon = "skull"
    group = "Waits"
    Config = NoSettings
    victims: ClassVar[set[int]] = set()

    def words(self, config, names):
        return "Cannot be written"

    def listens_to(self, config, steps):
        return {"login"}

    def run(self, batch):
        until = batch.now + timedelta(days=1)
        return {t.id: WaitFor((("login", 0),), until) for t in batch.travellers}

    def resume(self, batch):
        if batch.travellers[0].phase == "arming" and not self.victims:
            return {t.id: Stay() for t in batch.travellers}
        bad = {t.id for t in batch.travellers if t.subject_id in self.victims}
        return {t.id: Go(evidence={"x": "\x00" if t.id in bad else ""}) for t in batch.travellers}


def test_one_poisoned_event_does_not_stop_the_inbox(run_lanes):
    """REL-03: an event whose participant cannot be written fails that one; others go on."""
    Unwritable.victims = set()
    with step_kinds.temporarily("unwritable", Unwritable()):
        program = make.program(make.step("unwritable", "u1"))
        people = make.people(3)
        enroll(program.pk, make.ids(people), actor=None)
        run_lanes("live")
        Unwritable.victims = {people[1].pk}
        record_events([EventInput("login", person_id=one.pk) for one in people])
        run_lanes("live")
    states = dict(Participant.objects.values_list("person_id", "state"))
    assert states.pop(people[1].pk) == "failed"
    assert set(states.values()) == {"completed"}
    assert not inbox.pending()


def test_a_quarantined_program_keeps_no_lane_awake(run_lanes):
    """Its due participants wait; the scheduler need not wake a lane for them twice a second."""
    program = make.program(make.step("wait_timer", "w1"))
    enroll(program.pk, [make.person().pk], actor=None)
    assert advance.pending(0)
    Program.objects.update(quarantine="unknown kind")
    assert not advance.pending(0)


def test_a_stop_takes_back_what_a_quarantined_version_holds():
    """PRG-45: one unknown step does not keep the others' associations alive for ever."""
    held: set[str] = set()

    class Holder(Poison):
        key = "holder"
        label = "Holder"

        def on_publish(self, step):
            held.add(step.key)
            return []

        def on_disconnect(self, step, now):
            held.discard(step.key)

    with step_kinds.temporarily("holder", Holder()):
        program = make.program(make.step("holder", "h1"), make.step("exit", "x1"))
        assert held == {"h1"}
        Step.objects.filter(kind="exit").update(kind="taken_away")
        versions.forget()
        stop_program(program.pk, actor=None)
    assert not held


@pytest.mark.parametrize("bad", ["a\x00b", "\ud800"])
def test_a_flow_with_text_that_cannot_be_stored_is_refused(bad):
    """A clear error with the path, never a server error."""
    program = make.program(make.step("exit", "e1"), publish=False)
    document = make.flow(make.step("exit", "e1", reason=bad))
    with pytest.raises(DomainError) as caught:
        save_draft(program.pk, document, revision=program.draft_revision, actor=None)
    assert caught.value.problems[0].path == "/steps/0/config/reason"

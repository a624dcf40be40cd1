"""“Trigger engagement” for the people of a company (PRG-12)."""

import pytest

from csplatform.customers.models import ExternalId
from csplatform.customers.operations.events import EventInput, record_events
from csplatform.customers.operations.merge import merge_people
from engagements.inapp.steps import UNKNOWN_PERSON
from engagements.models import Invitation
from journeys.engine import advance, inbox
from journeys.models import Part, Participant, Transition
from journeys.operations.enroll import enroll
from journeys.snapshot.parts import parts_of_run
from tests import factories as make
from tests.engagements.make import engagement

pytestmark = pytest.mark.django_db


@pytest.fixture
def run():
    """A company with two people whom the tracker knows and one unknown, waiting for all."""
    acme = make.company()
    for number in range(3):
        person = make.person(at=acme, name=f"P{number}")
        if number:
            ExternalId.objects.create(person=person, kind="user_id", value=f"u-{number}")
    condition = {"type": "event", "step": "e1", "event": "completed", "quorum": "all"}
    program = make.program(
        make.step(
            "trigger_engagement", "e1", engagement=engagement().pk,
            recipients=[{"who": "everybody"}],
        ),
        make.step("conditional_wait", "w1", conditions=[condition],
                  exits={"met": [], "not_met": []}),
        type="company",
    )  # fmt: skip
    enroll(program.pk, [acme.pk], actor=None)
    participant = Participant.objects.get()
    advance.run_ids([participant.pk])
    advance.run_ids([participant.pk])
    participant.refresh_from_db()
    return participant


def complete(part):
    """One of them completes theirs."""
    record_events([EventInput("engagement.completed", person_id=part.person_id, ref=part.ref)])
    while inbox.pending():
        inbox.run_batch()


def test_each_has_an_invitation_and_who_cannot_be_invited_fails_alone(run):
    """The company goes on; its page tells of each."""
    assert run.state == "active"
    assert Invitation.objects.count() == 3
    rows = parts_of_run(run.pk)
    assert [row.became.words for row in rows] == [UNKNOWN_PERSON.capitalize(), "Not viewed",
                                                  "Not viewed"]  # fmt: skip
    told = Transition.objects.filter(kind="go").first().evidence
    assert (told["recipients"], told["not_invited"]) == (2, 1)


def test_all_are_all_who_could_be_invited(run):
    """The one that nobody can show anything holds up no one."""
    _, one, two = Part.objects.order_by("pk")
    complete(one)
    run.refresh_from_db()
    assert run.state == "active"
    complete(two)
    run.refresh_from_db()
    assert run.state == "completed"


def test_two_invited_people_turn_out_to_be_one(run):
    """Both invitations stay, the other person's counts for both."""
    _, one, two = Part.objects.order_by("pk")
    merge_people(one.person_id, two.person_id, actor=None)
    assert Invitation.objects.filter(person_id=one.person_id).count() == 2
    complete(one)
    run.refresh_from_db()
    assert run.state == "completed"


def test_running_the_step_again_with_the_same_visit_invites_nobody_twice(run):
    """A worker that died after the invitations and before its commit is no case; one that is run
    again at the same visit is."""
    Participant.objects.update(step=run.version.steps.get(key="e1"), phase="run",
                               due_at=run.entered_at)  # fmt: skip
    advance.run_ids([run.pk])
    assert Invitation.objects.count() == 3
    assert Part.objects.count() == 3

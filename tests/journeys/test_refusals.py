"""Failed participants: listed, searched, tried again (PRG-24)."""

import pytest

from csplatform.kit.errors import Conflict, NotAllowed
from journeys.engine.candidates import Candidate
from journeys.models import Participant, Refusal
from journeys.operations.enroll import enroll
from journeys.operations.life import pause_program
from journeys.operations.refusals import try_again
from journeys.snapshot.refusals import find_refusals, reason_counts, table
from tests import factories as make

pytestmark = [pytest.mark.smoke, pytest.mark.django_db]


@pytest.fixture
def refused():
    """A program with two who have no address, one of them with a ticket."""
    mail = make.mail_template()
    program = make.program(make.step("send_email", "ml", template=mail.pk))
    first, second = make.person(email=None, name="Ann"), make.person(email=None, name="Bo")
    brought = Candidate(second.pk, "T-1", {"agent": "=cmd()"})
    enroll(program.pk, [Candidate(first.pk), brought], actor=None)
    return program, first, second


def test_they_are_found_by_reason_name_and_context(refused):
    """PRG-24: reason with filters and search; the file holds no formula."""
    program, first, second = refused
    assert reason_counts(program) == {"no_email": 2}
    assert [r.person for r in find_refusals(program, search="an")] == [first]
    assert [r.person for r in find_refusals(program, search="T-1")] == [second]
    assert not find_refusals(program, reason="churned")
    rows = list(table(find_refusals(program), {"no_email": "Has no address."}))
    assert {row[5] for row in rows} == {"Has no address."}


def test_trying_again_brings_what_they_came_with(refused):
    """PRG-24: with context and fields; who is refused again keeps a line."""
    _, first, second = refused
    second.email = "bo@x.test"
    second.save()
    ids = list(Refusal.objects.values_list("pk", flat=True))
    tried = try_again(ids, actor=None)
    assert tried.entered == 1
    assert dict(tried.refused) == {"no_email": 1}
    run = Participant.objects.get()
    assert (run.person, run.context_id, run.fields) == (second, "T-1", {"agent": "=cmd()"})
    assert Refusal.objects.get().person == first


def test_not_while_nobody_is_taken_in_and_not_without_the_right(refused):
    """Conflict with what to do; permission."""
    program, *_ = refused
    ids = list(Refusal.objects.values_list("pk", flat=True))
    with pytest.raises(NotAllowed):
        try_again(ids, actor=make.staff("read_only"))
    pause_program(program.pk, actor=None)
    with pytest.raises(Conflict):
        try_again(ids, actor=None)
    assert Refusal.objects.count() == 2

"""Companies' programs leave people of the global hold-out alone (PRG-28)."""

import pytest

from csplatform.kit import sql
from journeys.emails.hold_out_check import check_hold_out
from journeys.emails.message import Message
from journeys.engine.candidates import place_sql
from journeys.models import HoldOut, Participant
from journeys.operations.enroll import enroll
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("operational", [False, True])
def test_who_is_held_out_gets_nothing_of_a_company(operational):
    """PRG-28: operational programs are excepted."""
    HoldOut.objects.create(pk=1, percent=40)
    people = make.people(30)
    program = make.program(
        make.step("wait_timer", "w1"), type="company",
        control={"operational": operational} if operational else {"percent": 0},
    )  # fmt: skip
    companies = [make.company() for _ in range(8)]
    enroll(program.pk, make.ids(companies), actor=None)
    run = Participant.objects.filter(control="").first()
    messages = [
        Message(pk, run.pk, program.pk, "ml", person.pk, run.company_id, 0, {})
        for pk, person in enumerate(people, 1)
    ]
    place = place_sql("'person'")
    held = {row[0] for row in sql.rows(f"SELECT s.id FROM customers_person s WHERE {place} < 4000")}
    expected = set() if operational else {m.id for m in messages if m.person_id in held}
    assert set(check_hold_out(messages)) == expected
    assert 0 < len(held) < 30
    HoldOut.objects.update(percent=0)
    assert check_hold_out(messages) == {}

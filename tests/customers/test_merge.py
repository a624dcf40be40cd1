"""Merging people: CUS-04 (first edition)."""

import pytest

from csplatform.accounts.models import AuditEntry
from csplatform.customers.hooks import merge_hooks
from csplatform.customers.models import (
    AttributeChange,
    Event,
    ExternalId,
    Membership,
    Person,
    PersonActivity,
)
from csplatform.customers.operations.events import EventInput, record_events
from csplatform.customers.operations.merge import merge_people
from csplatform.customers.operations.people import PersonInput, upsert_people
from csplatform.freshness.models import Touch
from csplatform.kit.errors import Conflict, DomainError
from tests.customers import make
from tests.customers.race import in_threads

pytestmark = pytest.mark.django_db


def test_everything_of_the_loser_names_the_winner():
    make.attribute("plan")
    make.attribute("seats", "number")
    acme, globex = make.company(), make.company()
    winner, loser = make.person(at=acme, plan="pro"), make.person(at=globex, plan="free", seats=3)
    upsert_people([PersonInput(email=loser.email, external_id="u2")])
    record_events([EventInput("a", person_id=p.pk) for p in (winner, loser, loser)])
    Touch.objects.all().delete()
    calls = []
    with merge_hooks.temporarily("test", lambda *args: calls.append(args)):
        assert merge_people(winner.pk, loser.pk, actor=make.user("boss"))
    winner.refresh_from_db()
    assert winner.attributes == {"plan": "pro", "seats": 3}
    assert ExternalId.objects.get(value="u2").person_id == winner.pk
    assert PersonActivity.objects.get().event_count == 3
    assert set(Event.objects.values_list("person_id", flat=True)) == {winner.pk}
    # Which company an event counted for stays as recorded.
    assert set(Event.objects.values_list("company_id", flat=True)) == {acme.pk, globex.pk}
    assert Membership.objects.filter(person=winner, is_primary=True).get().company_id == acme.pk
    assert Membership.objects.filter(person=winner).count() == 2
    assert Person.objects.get(pk=loser.pk).merged_into_id == winner.pk
    assert calls[0][:2] == (winner.pk, loser.pk)
    assert AuditEntry.objects.get(verb="person.merge").actor_label == "boss"
    assert ("person", winner.pk, "everything") in Touch.objects.values_list(
        "subject", "subject_id", "key"
    )
    change = AttributeChange.objects.get(name="seats")
    assert (change.subject_id, change.old, change.new) == (winner.pk, None, 3)


def test_it_may_run_twice_and_tombstones_stay_flat():
    a, b, c = make.person(), make.person(), make.person()
    assert merge_people(b.pk, c.pk, actor=None)
    assert not merge_people(b.pk, c.pk, actor=None)
    assert merge_people(a.pk, b.pk, actor=None)
    assert Person.objects.get(pk=c.pk).merged_into_id == a.pk


def test_the_losers_address_is_free_or_taken_over():
    winner = make.person()
    loser = make.person("l@x.io")
    merge_people(winner.pk, loser.pk, actor=None)
    assert upsert_people([PersonInput(email="l@x.io")])[0].created


def test_nonsense_is_refused():
    a, b, c = make.person(), make.person(), make.person()
    with pytest.raises(DomainError):
        merge_people(a.pk, a.pk, actor=None)
    with pytest.raises(DomainError):
        merge_people(a.pk, 10**9, actor=None)
    merge_people(a.pk, b.pk, actor=None)
    with pytest.raises(Conflict):
        merge_people(b.pk, c.pk, actor=None)


@pytest.mark.django_db(transaction=True)
def test_events_that_arrive_during_a_merge_end_with_the_winner():
    winner, loser = make.person(), make.person()
    errors = in_threads(
        lambda: [record_events([EventInput("a", person_id=loser.pk)]) for _ in range(40)],
        lambda: merge_people(winner.pk, loser.pk, actor=None),
    )
    assert errors == []
    assert set(Event.objects.values_list("person_id", flat=True)) == {winner.pk}
    assert PersonActivity.objects.get().event_count == Event.objects.count() == 40

"""Any, all or n of the addressed people, against a plain retelling (PRG-12)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csplatform.customers.operations.events import EventInput, record_events
from csplatform.kit.clock import database_now
from journeys.steps.kind import Traveller
from journeys.steps.outcome import Addressed
from journeys.steps.parts import parts_of, who_did
from tests import factories as make

pytestmark = pytest.mark.django_db


def traveller(number, parts):
    """Who has just addressed these (person, ref, refused) at step k1."""
    addressed = tuple(
        Addressed(f"person:{ref}", "email", person_id=person, ref=ref, refused=refused)
        for person, ref, refused in parts
    )
    return Traveller(
        number, 1, 1, None, number, None, 0, {}, database_now(), "run", None,
        parts={"k1": addressed},
    )  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(
    people=st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.booleans()), max_size=6),
    count=st.integers(1, 4),
)
def test_the_quorum_counts_people_and_not_messages(people, count):
    """People with several parts (two who turned out to be one) count once, refused ones do not
    count for “all”."""
    rows = make.people(4)
    first = database_now().microsecond * 1000 + 1
    parts = [(rows[who].pk, first + n, "No email address." if refused else "")
             for n, (who, _, refused) in enumerate(people)]  # fmt: skip
    opened = [part for part, (_, did, _) in zip(parts, people, strict=True) if did]
    record_events([EventInput("email.opened", person_id=p, ref=ref) for p, ref, _ in opened])
    one = traveller(7, parts)
    found = who_did("email.opened", "k1", [one], parts_of([one], {"k1"}))[7]
    did = {person for person, _, _ in opened}
    asked = {person for person, _, refused in parts if not refused}
    assert found.meets("any", 1) == bool(did)
    assert found.meets("all", 1) == (bool(asked) and asked <= did)
    assert found.meets("count", count) == (len(did) >= count)

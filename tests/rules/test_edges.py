"""RUL-01: the very edges of windows and sequences, in SQL and in memory."""

from datetime import datetime, timedelta

import pytest

from csplatform.customers.models import Event, EventName
from csplatform.rules.compile import matching_ids
from csplatform.rules.evaluate import matches
from csplatform.rules.load import load_facts
from csplatform.rules.parse import parse_rule
from csplatform.rules.references import needs_of
from tests import factories as make
from tests.rules.worlds import AT

pytestmark = pytest.mark.django_db
DAY, TICK = timedelta(days=1), timedelta(microseconds=1)
BEGAN = AT - 5 * DAY


def answer(rule: dict, *events: tuple[str, datetime]) -> bool:
    """The rule's answer about somebody with these events, asked in three ways."""
    someone = make.person()
    for name, when in events:
        kind, _ = EventName.objects.get_or_create(name=name)
        Event.objects.create(
            name_id=kind.pk, person_id=someone.pk, occurred_at=when, recorded_at=when
        )
    node = parse_rule(rule, "person")
    found = matching_ids(node, "person", AT) == {someone.pk}
    assert (matching_ids(node, "person", AT, ids=[someone.pk]) == {someone.pk}) == found
    facts = load_facts("person", [someone.pk], needs_of(node, "person"), AT)
    assert matches(node, facts[someone.pk], AT) == found
    return found


@pytest.mark.parametrize(
    ("later", "followed"),
    [
        (timedelta(0), False),
        (TICK, True),
        (2 * DAY, True),
        (2 * DAY + TICK, False),
        (-TICK, False),
    ],
)
def test_what_comes_at_the_limit_still_follows(later: timedelta, followed: bool) -> None:
    """“Within 2 days” includes the second day's very end, but not the very moment itself."""
    rule = {"test": "sequence", "steps": [{"name": "a"}, {"name": "b"}], "within": 2}
    happened = (("a", BEGAN), ("b", BEGAN + later))
    assert answer(rule, *happened) == followed


@pytest.mark.parametrize(("began", "over"), [(AT - 2 * DAY, True), (AT - 2 * DAY + TICK, False)])
def test_what_did_not_come_is_known_when_the_time_is_over(began: datetime, over: bool) -> None:
    rule = {
        "test": "sequence", "steps": [{"name": "a"}, {"name": "b"}], "within": 2,
        "outcome": "not_followed",
    }  # fmt: skip
    assert answer(rule, ("a", began)) == over


@pytest.mark.parametrize(("when", "inside"), [(BEGAN, False), (BEGAN + TICK, True), (AT, True)])
def test_a_window_of_days_leaves_out_its_first_moment(when: datetime, inside: bool) -> None:
    assert answer({"test": "event", "name": "a", "days": 5}, ("a", when)) == inside


def test_two_days_are_both_included() -> None:
    """Whole UTC days."""
    rule = {"test": "event", "name": "a", "since": "2026-03-10", "until": "2026-03-11"}
    start = datetime.fromisoformat("2026-03-10T00:00Z")
    for when, inside in (
        (start - TICK, False), (start, True), (start + 2 * DAY - TICK, True),
        (start + 2 * DAY, False),
    ):  # fmt: skip
        assert answer({**rule, "name": f"a{when}"}, (f"a{when}", when)) == inside, when

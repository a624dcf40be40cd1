"""If/else and split by their properties (PRG-05)."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csplatform.kit.clock import database_now
from csplatform.kit.errors import DomainError
from csplatform.kit.schema import parse_config
from journeys.steps.kind import StepBatch, StepView, Traveller
from journeys.steps.kinds.split import Group, bucket, group_of
from journeys.steps.registry import step_kinds
from tests import factories as make

MANY = 100_000


def shares(*percents):
    return [Group(key=f"g{n}", label=f"G{n}", percent=p) for n, p in enumerate(percents)]


@pytest.mark.parametrize("percents", [(50, 50), (90, 10), (1, 99), (33, 33, 34), (0, 100)])
def test_shares_are_near_the_percentages(percents):
    """Over many ids that follow one another: within four standard deviations."""
    groups = shares(*percents)
    found = Counter(group_of(groups, bucket(7, "sp", n)).key for n in range(MANY))
    for group in groups:
        share = group.percent / 100
        allowed = 4 * (share * (1 - share) * MANY) ** 0.5
        assert abs(found[group.key] - share * MANY) <= allowed


def test_groups_of_two_programs_are_independent():
    """Who is held out in one is not held out in the other, nor at another step of the same."""
    halves = shares(50, 50)
    for other in ((8, "sp"), (7, "s2")):
        both = Counter(
            (group_of(halves, bucket(7, "sp", n)).key, group_of(halves, bucket(*other, n)).key)
            for n in range(MANY)
        )
        assert all(abs(count - MANY / 4) < 4 * (MANY * 3 / 16) ** 0.5 for count in both.values())


def test_a_place_never_changes():
    """Written down: another hash would move people between groups in the middle of a test."""
    assert round(bucket(7, "sp", 1), 6) == 96.998909


@given(st.integers(0, 100), st.integers(0, 100), st.integers(0, 10**9))
def test_a_growing_first_group_keeps_who_is_in_it(one, other, subject):
    """Rolling out from 10 to 50 percent takes nobody out."""
    small, large = sorted((one, other))
    place = bucket(1, "sp", subject)
    if group_of(shares(small, 100 - small), place).key == "g0" and small:
        assert group_of(shares(large, 100 - large), place).key == "g0"


@pytest.mark.parametrize(("percents", "says"), [
    ((50, 40), "add up to 90 percent: give 10 more"),
    ((80, 40), "add up to 120 percent: take 20 away"),
])  # fmt: skip
def test_a_wrong_sum_says_what_to_do(percents, says):
    """The sum and the difference."""
    kind = step_kinds.get("split")
    groups = [group.model_dump() for group in shares(*percents)]
    with pytest.raises(DomainError, match=says):
        parse_config(kind.Config, {"groups": groups})


@pytest.mark.django_db
@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=6))
def test_the_first_path_that_matches_wins(letters):
    """Against the plain reading: the first letter of the path list that is the person's role."""
    kind = step_kinds.get("if_else")
    paths = [
        {"key": f"p{n}", "label": f"P{n}", "rule": {
            "test": "attribute", "name": "role", "operator": "equals", "value": letter}}
        for n, letter in enumerate(letters)
    ]  # fmt: skip
    people = [make.person(role=role) for role in ("a", "b", "c", "d")]
    now = database_now()
    view = StepView(1, "ie", kind, "ie", parse_config(kind.Config, {"paths": paths}), 1, 1)
    travellers = [Traveller(p.pk, 1, 1, p.pk, None, None, 0, {}, now, "run", None) for p in people]
    outcomes = kind.run(StepBatch(view, "person", travellers, now, {"ie": view}))
    for person in people:
        plain = f"p{letters.index(person.role)}" if person.role in letters else "else"
        assert outcomes[person.pk].exit == plain

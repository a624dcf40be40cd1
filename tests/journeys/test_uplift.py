"""What a program brings, with its interval (PRG-28)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys.snapshot.uplift import Group, uplift, wilson

groups = st.integers(1, 5000).flatmap(
    lambda runs: st.builds(Group, st.just(runs), st.integers(0, runs))
)


def test_the_interval_is_the_one_of_the_paper():
    """Newcombe 1998, table II: 56/70 against 48/80, method 10 gives 0.0524 to 0.3339."""
    found = uplift(Group(70, 56), Group(80, 48))
    assert found.difference == pytest.approx(20.0)
    assert (found.low, found.high) == pytest.approx((5.24, 33.39), abs=0.01)
    assert found.sure
    assert found.missing == ""


def test_too_few_say_so():
    """PRG-28: a small sample is no result."""
    assert uplift(Group(1000, 900), Group(0, 0)).missing == "Nobody was held out."
    assert "at least 50" in uplift(Group(1000, 900), Group(49, 1)).missing
    assert "at least 5 goals" in uplift(Group(1000, 2), Group(100, 2)).missing
    assert not uplift(Group(1000, 900), Group(49, 1)).sure


@given(groups, groups)
def test_the_interval_holds_the_difference_and_stays_possible(treated, control):
    """For any two groups."""
    low, high = wilson(treated)
    assert 0 <= low <= treated.rate + 1e-9
    assert treated.rate - 1e-9 <= high <= 1
    found = uplift(treated, control)
    assert -100 - 1e-6 <= found.low <= found.difference + 1e-6
    assert found.difference - 1e-6 <= found.high <= 100 + 1e-6
    mirrored = uplift(control, treated)
    assert mirrored.low == pytest.approx(-found.high, abs=1e-6)

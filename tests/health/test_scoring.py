"""From values to a score (HLT-01)."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from csplatform.health.scoring import (
    Reason,
    label_of,
    parse_tiers,
    points_of,
    score_of,
    tiers_text,
)

TIERS = parse_tiers("0 = 0, 5 = 50, 20 = 80, more = 100")


@pytest.mark.parametrize(
    ("value", "points"),
    [(-3, 0), (0, 0), (0.1, 50), (5, 50), (5.01, 80), (20, 80), (1e9, 100), (None, None)],
)
def test_an_upper_bound_belongs_to_its_tier(value, points):
    """And wins over the next one's lower bound."""
    assert points_of(value, TIERS) == points


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "End with"), ("5 = 50", "End with"), ("more = 10, 5 = 50", "at the end"),
        ("5 = 50, 5 = 60, more = 1", "rise"), ("9 = 1, 5 = 2, more = 3", "rise"),
        ("5 = 101, more = 1", "more than 100"), ("five = 5", "no tier"), ("<b> = 5", "no tier"),
        (", ".join(f"{n} = 1" for n in range(30)) + ", more = 1", "at most"),
    ],
)  # fmt: skip
def test_bad_tiers_say_what_to_write(text, words):
    """REL-03."""
    with pytest.raises(ValueError, match=words):
        parse_tiers(text)


reasons = st.lists(
    st.builds(
        Reason, st.just("x"), st.none(), st.none() | st.integers(0, 100), st.integers(1, 100)
    ),
    max_size=8,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(reasons)
def test_what_is_missing_leaves_its_weight_to_the_others(found):
    """The score is that of the known ones alone, and lies between their points."""
    known = [r for r in found if r.points is not None]
    score = score_of(found)
    assert score == score_of(known)
    if known:
        assert min(r.points for r in known) <= score <= max(r.points for r in known)
    else:
        assert score is None


def test_halves_round_up_and_words_follow_the_thresholds():
    """The same everywhere; a threshold belongs to the better word."""
    assert score_of([Reason("a", 1, 50, 1), Reason("b", 1, 51, 1)]) == 51
    assert [label_of(score, 70, 40) for score in (70, 69, 40, 39, None)] == [
        "good", "neutral", "neutral", "poor", "",
    ]  # fmt: skip


@given(st.lists(st.tuples(st.integers(-99, 99), st.integers(0, 100)), max_size=8))
def test_tiers_read_as_they_are_written(pairs):
    """Round trip."""
    bounds = sorted({b for b, _ in pairs})
    tiers = [[float(b), p] for b, (_, p) in zip(bounds, pairs, strict=False)] + [[None, 100]]
    assert parse_tiers(tiers_text(tiers)) == tiers

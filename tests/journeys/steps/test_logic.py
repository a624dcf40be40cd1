"""Expressions over numbered conditions (PRG-06)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys.steps.logic import LogicError, is_true, logic_words, numbers_in, parse_logic

COUNT = 5


def expressions():
    """Text and a Python expression that means the same."""
    leaf = st.integers(1, COUNT).map(lambda n: (str(n), f"a[{n - 1}]"))

    def join(inner):
        return st.tuples(inner, st.sampled_from(["and", "or"]), inner, st.booleans()).map(
            lambda t: tuple(
                f"({a} {t[1]} {b})" if t[3] else f"{a} {t[1]} {b}"
                for a, b in zip(t[0], t[2], strict=True)
            )
        )

    return st.recursive(leaf, join, max_leaves=12)


@given(expressions(), st.lists(st.booleans(), min_size=COUNT, max_size=COUNT))
def test_it_means_what_the_plain_evaluator_says(pair, answers):
    """Python has the same precedence; the one way of writing it means the same again."""
    text, plain = pair
    logic = parse_logic(text, COUNT)
    expected = eval(plain, {"a": answers})  # made here, of numbers and two words
    assert is_true(logic, answers) == expected
    words = logic_words(logic)
    assert is_true(parse_logic(words, COUNT), answers) == expected
    assert logic_words(parse_logic(words, COUNT)) == words


@given(expressions(), st.lists(st.booleans(), min_size=COUNT, max_size=COUNT), st.integers(0, 4))
def test_more_truth_never_makes_it_false(pair, answers, index):
    """Why a wait may end as soon as it is true, whatever the negative conditions turn out to be."""
    logic = parse_logic(pair[0], COUNT)
    more = [answer or at == index for at, answer in enumerate(answers)]
    assert is_true(logic, more) or not is_true(logic, answers)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_with_a_place(text):
    """No other error, and the place lies within the text or just behind it."""
    position = 1
    try:
        parse_logic(text, COUNT)
    except LogicError as error:
        position = error.position
    assert 1 <= position <= len(text) + 1


@pytest.mark.parametrize(
    ("text", "position", "says"),
    [
        ("", 1, "missing"),
        ("1 and", 6, "missing"),
        ("1 2", 3, "Put “and” or “or” before “2”"),
        ("1 and (2 or 3", 7, "not closed"),
        ("1) or 2", 2, "has no “(”"),
        ("1 or 9", 6, "There is no condition 9: use 1 to 5"),
        ("0", 1, "There is no condition 0"),
        ("1 and not 2", 7, "not opened"),
        ("1 and ?", 7, "was removed"),
        ("1 xor 2", 3, "before “xor”"),
        ("und", 1, "cannot stand here"),
    ],
)
def test_errors_say_where_and_what_to_do(text, position, says):
    """Counted from 1, as an editor's reader counts."""
    with pytest.raises(LogicError) as caught:
        parse_logic(text, COUNT)
    assert caught.value.position == position
    assert says in str(caught.value)


def test_canonical_words():
    """Superfluous parentheses and capitals go."""
    assert logic_words(parse_logic("((1) AND (2 and 3)) Or 4", 5)) == "1 and 2 and 3 or 4"
    assert logic_words(parse_logic("1 and(2 or 3)", 5)) == "1 and (2 or 3)"
    assert numbers_in(parse_logic("1 and (2 or 3)", 5)) == {1, 2, 3}

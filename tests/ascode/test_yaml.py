"""YAML as JSON's plain sister: what is read, what is written, what is refused (PRG-47)."""

import math

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from csplatform.ascode.yamltext import (
    MAX_BYTES,
    MAX_DOCUMENTS,
    MAX_VALUES,
    dump_documents,
    load_documents,
)
from csplatform.kit.errors import DomainError

text = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\x00"))
scalars = (
    st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | text
    | st.floats(allow_nan=False, allow_infinity=False)
)  # fmt: skip
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4)
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.dictionaries(text, values), min_size=1, max_size=3))
def test_what_is_written_is_read_again(documents):
    """Whatever JSON can hold, with the same types, and the same text the second time."""
    written = dump_documents(documents)
    again = load_documents(written)
    assert again == documents
    assert repr(again) == repr(documents)
    assert dump_documents(again) == written


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(text, text))
def test_any_yaml_reader_reads_the_texts(document):
    """Also those for which "yes" is true and 010 is eight."""
    assert yaml.safe_load(dump_documents([document])) == document


def test_several_lines_stand_as_they_are_and_long_lines_are_folded():
    """So that a comparison of lines shows a word, not a page."""
    long = "word " * 40 + "end"
    written = dump_documents([{"kind": "x", "a": "one\ntwo\n", "b": long}])
    assert "a: |\n  one\n  two\n" in written
    assert "b: >-\n" in written
    assert max(len(line) for line in written.splitlines()) <= 110
    assert load_documents(written)[0]["b"] == long


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("a: &x [1]\nb: *x", "aliases"),
        ("a: 1\na: 2", "“a” stands here twice"),
        ("a:\n\t- 1", "a tab"),
        ("a: !!python/object/apply:os.system [ls]", "tags"),
        ("a: !!binary aGk=", "tags"),
        ("? [1]\n: 2", "a key must be a word"),
        ("a: [1", "Line 1"),
        ("a: b: c", "Line 1"),
        ("", "nothing in it"),
        ("---\n---", "nothing in it"),
        ("[" * 5000, "nested too deeply"),
        ("- 1", "/documents/0"),
        ("kind: x\n---\nhello", "/documents/1"),
        ('a: "\\0"', "/documents/0/a"),
        ("a: \x00", "no YAML"),
        ('a: "\\ud800"', "/documents/0/a"),
        ("a: " + "9" * 50, "/documents/0/a"),
        ("a: 1e999", "/documents/0/a"),
    ],
)
def test_what_is_no_plain_document_is_refused_with_its_place(source, said):
    """Never an error of the machine, never gigabytes out of five lines."""
    with pytest.raises(DomainError) as caught:
        load_documents(source)
    assert said in str(caught.value)


def test_a_bomb_of_aliases_is_refused_at_once():
    """The classic one: nine lines that stand for a billion."""
    lines = ["a0: &a0 [lol]"] + [
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)
    ]
    with pytest.raises(DomainError, match="aliases"):
        load_documents("\n".join(lines))


def test_a_huge_text_is_refused_before_it_is_read():
    """A hundred megabytes cost nothing."""
    with pytest.raises(DomainError, match="split the file"):
        load_documents(b"x" * (MAX_BYTES + 1))
    with pytest.raises(DomainError, match="UTF-8"):
        load_documents(b"a: \xff\xfe")


def test_words_that_other_readers_take_for_something_else_are_text():
    """No “Norway”: only true, false, null and numbers are more than text."""
    source = "a: no\nb: on\nc: 010\nd: 2024-01-01\ne: 12:30\nf: Null\ng: ~\nh: <<\ni: 1.5\nj: 0x10"
    found = load_documents(source)[0]
    assert found == {"a": "no", "b": "on", "c": "010", "d": "2024-01-01", "e": "12:30", "f": "Null",
                     "g": None, "h": "<<", "i": 1.5, "j": "0x10"}  # fmt: skip
    assert math.isclose(found["i"], 1.5)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("a: [" + "1," * (MAX_VALUES + 1) + "]", "values at once"),
        ("a: " + "[" * 90 + "a: b," * 10_000 + "]" * 90, "values at once"),
        ("a: [" + ("[" * 100 + "]" * 100 + ",") * 400 + "]", "nested too deeply"),
        ("--- 1\n" * (MAX_DOCUMENTS + 1) + "--- [", "documents at once"),
        ("---\n" * (MAX_DOCUMENTS + 1) + "--- [", "documents at once"),
    ],
    ids=["values", "values within brackets", "depth", "documents", "empty documents"],
)
def test_what_would_take_long_is_refused_while_it_is_read(source, said):
    """What follows the first value or document too many is not looked at: here it is no YAML."""
    with pytest.raises(DomainError, match=said):
        load_documents(source)


def test_two_hundred_documents_are_read():
    """The most that are."""
    assert len(load_documents("--- {a: 1}\n" * MAX_DOCUMENTS)) == MAX_DOCUMENTS

"""Typed blocks: parsed with paths, never HTML (PRG-90, REL-03)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csplatform.kit.blocks import (
    block_kinds,
    block_texts,
    block_token_problems,
    dump_blocks,
    parse_blocks,
)
from csplatform.kit.errors import DomainError


def paths(data, place="mail"):
    with pytest.raises(DomainError) as caught:
        parse_blocks(data, place=place)
    return [problem.path for problem in caught.value.problems]


@pytest.mark.parametrize("kind", block_kinds.keys())
def test_each_kinds_example_survives_a_round_trip(kind):
    example = [{"kind": kind, **block_kinds.get(kind).example}]
    place = block_kinds.get(kind).places[0]
    blocks = parse_blocks(example, place=place)
    assert parse_blocks(dump_blocks(blocks), place=place) == blocks
    assert block_kinds.get(kind).fields or kind == "divider"


def test_every_problem_has_its_path():
    """REL-03: one answer names all."""
    assert paths(
        [
            {"kind": "heading"},
            {"kind": "nonsense", "text": "x"},
            "text",
            {"kind": "button", "label": "Go", "url": "javascript:alert(1)"},
            {"kind": "text", "text": "{{ person.name"},
            {"kind": "list", "items": ["fine", "{% x %}"]},
            {"kind": "text", "text": "x", "html": "<b>"},
            {"text": "no kind"},
        ]
    ) == [
        "/blocks/0/text",
        "/blocks/1/kind",
        "/blocks/2",
        "/blocks/3/url",
        "/blocks/4/text",
        "/blocks/5/items/1",
        "/blocks/6/html",
        "/blocks/7/kind",
    ]


@pytest.mark.parametrize("data", [None, {}, "x", 5, [{"kind": "divider"}] * 61])
def test_what_is_no_list_of_blocks_is_refused(data):
    assert paths(data) == ["/blocks"]


def test_limits_hold():
    assert paths([{"kind": "heading", "text": "x" * 301}]) == ["/blocks/0/text"]
    assert paths([{"kind": "list", "items": ["x"] * 41}]) == ["/blocks/0/items"]
    assert paths([{"kind": "list", "items": []}]) == ["/blocks/0/items"]


def test_unknown_tokens_are_found_in_every_text():
    """PRG-90: also in links, lists and descriptions."""
    blocks = parse_blocks(
        [
            {"kind": "button", "label": "{{ a.b }}", "url": "https://example.com/{{ c.d }}"},
            {"kind": "image", "url": "https://example.com/x.png", "alt": "{{ e.f }}"},
            {"kind": "list", "items": ["{{ person.name }}", "{{ g.h }}"]},
        ]
    )
    found = [problem.path for problem in block_token_problems(blocks, ["person.name"])]
    assert found == ["/blocks/0/label", "/blocks/0/url", "/blocks/1/alt", "/blocks/2/items/1"]
    assert [text.place for text in block_texts(blocks[0])] == ["text", "url"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["kind", "text", "url", "items", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(json_values)
def test_any_json_is_parsed_or_refused(data):
    problems, blocks = [], []
    try:
        blocks = parse_blocks(data)
    except DomainError as error:
        problems = error.problems
    assert all(problem.path.startswith("/blocks") for problem in problems)
    assert parse_blocks(dump_blocks(blocks)) == blocks

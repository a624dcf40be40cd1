"""Tokens in users' texts: what is taken, what is refused, how it is escaped (PRG-90, SEC-02)."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csplatform.kit.errors import DomainError
from csplatform.kit.merge_tags import Values, is_safe_url, parse_tokens, parse_url, token_problems


def filled(source, **values):
    return parse_tokens(source).text(Values({f"person.{k}": v for k, v in values.items()}))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("Hi {{ person.name }}!", "Hi Ada!"),
        ("{{person.name}}", "Ada"),
        ('{{ person.title | default: "friend" }}', "friend"),
        ("{{ person.name | upcase }} {{ person.name | downcase }}", "ADA ada"),
        ('{{ person.since | date: "%d.%m.%Y" }}', "31.01.2026"),
        ("{{ person.since | date }}", "31 January 2026"),
        ("{{ person.arr | number }}", "12,500.5"),
        ("{{ person.tags }}", "a, b"),
        ("{{ person.vip }}", "yes"),
        ("{{ person.name | truncate: 2 }}", "A…"),
        ("{{ person.title | default: person.name }}", "Ada"),
        ("no tokens }} here", "no tokens }} here"),
    ],
)
def test_tokens_are_filled_in(source, expected):
    """PRG-90: tokens, defaults, a few filters."""
    values = {"name": "Ada", "title": None, "since": "2026-01-31", "arr": 12500.5}
    assert filled(source, **values, tags=["a", "b"], vip=True) == expected


@pytest.mark.parametrize(
    "source",
    [
        "{{ person.name",
        "{{ }}",
        "{{ person }}",
        "{{ person.name.first }}",
        "{{ person[company.name] }}",
        "{{ person.__class__ }}",
        "{{ (1..999999999) }}",
        "{% for x in person.tags %}{{ x }}{% endfor %}",
        "{% include 'secret' %}",
        "{% raw %}x{% endraw %}",
        "{{ person.name | nonsense }}",
        "{{ person.name | upcase: 1, 2, 3 }}",
        "{{ person.name | upcase | upcase | upcase | upcase | upcase | upcase }}",
        pytest.param("nul \x00", id="nul"),
        pytest.param("half \ud800", id="surrogate"),
        pytest.param("x" * 10_001, id="too long"),
        pytest.param("{{ person.name }}" * 200, id="too many tokens"),
    ],
)
def test_everything_else_is_refused_with_the_place(source):
    """REL-03: a clear error with a path."""
    with pytest.raises(DomainError) as caught:
        parse_tokens(source, "/subject")
    assert [problem.path for problem in caught.value.problems] == ["/subject"]
    assert token_problems(source, [], "/subject") != []


def test_an_unknown_token_is_a_problem_and_later_a_gap():
    """PRG-90: an error when it is checked, empty with a trace when it is sent."""
    [problem] = token_problems("{{ person.shoe }}", ["person.name"], "/blocks/0/text")
    assert (problem.path, problem.code) == ("/blocks/0/text", "unknown_token")
    values = Values({"person.name": "Ada"})
    assert parse_tokens("[{{ person.shoe }}]").text(values) == "[]"
    assert values.unknown == {"person.shoe"}


NASTY = '<script>alert("x")</script>\r\nBcc: victim@example.com\u2028&'


def test_values_are_escaped_by_the_place_they_stand_in():
    """PRG-90, SEC-02: HTML, header, URL."""
    values = Values({"person.name": NASTY})
    html = parse_tokens("<b>{{ person.name }}</b>").html(values)
    assert "<" not in html
    assert '"' not in html
    line = parse_tokens("Hi\r\n{{ person.name }}").line(values)
    assert not set("\r\n\u2028\x00") & set(line)
    url = parse_url("https://example.com/a?n={{ person.name }}&b=1").url(values)
    assert url.startswith("https://example.com/a?n=%3Cscript%3E")
    assert url.endswith("%26&b=1")
    assert not set('<>"\r\n ') & set(url)


def test_a_value_is_never_read_as_a_template():
    assert filled("{{ person.name }}", name="{{ person.email }}{% x %}") == (
        "{{ person.email }}{% x %}"
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "http://localhost:8000/x",
        "https://example.com/{{ person.name }}?q={{ person.name }}",
        "https://example.com?q={{ person.name }}",
        "mailto:help@example.com",
        "mailto:{{ csm.email }}",
    ],
)
def test_links_with_a_fixed_host_are_taken(url):
    assert parse_url(url).source == url


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//example.com",
        "/relative",
        "{{ person.link }}",
        "{{ person.scheme }}://example.com",
        "https://{{ person.host }}/",
        "https://example.com{{ person.host }}",
        "https://example.com-{{ person.host }}/",
        "https://good.example@evil.example/",
        "https://example.com\\@evil.example/",
        "https://example.com/a b",
        "https://example.com/\nX: y",
        "",
    ],
)
def test_links_that_lead_who_knows_where_are_refused(url):
    """SEC-02: no script links, and no value decides where a link leads."""
    with pytest.raises(DomainError):
        parse_url(url, "/url")


@given(st.text(max_size=300))
def test_any_text_is_parsed_or_refused_cleanly(source):
    """REL-03: nothing else ever comes out."""
    try:
        parsed = parse_tokens(source)
    except DomainError:
        return
    html = parsed.html(Values({}))
    assert "<" not in html


@given(st.text(max_size=200), st.text(max_size=200))
def test_no_value_breaks_out_of_its_place(name, other):
    values = Values({"person.name": name, "person.other": other})
    assert not set("<>\"'") & set(parse_tokens("{{ person.name }}{{ person.other }}").html(values))
    assert not set("\r\n") & set(parse_tokens("a {{ person.name }}").line(values))
    assert is_safe_url(parse_url("https://example.com/{{ person.name }}").url(values))


def test_a_nasty_date_layout_costs_nothing():
    """No width that fills the memory, no unknown codes."""
    started = time.monotonic()
    text = filled('{{ person.day | date: "%999999999d|%d|%Q" }}', day="2026-01-31")
    assert len(text) < 60
    assert time.monotonic() - started < 1

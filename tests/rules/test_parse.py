"""RUL-01, REL-03: what is refused, and where."""

from typing import Any

import pytest

from csplatform.kit.errors import DomainError
from csplatform.rules.parse import MAX_DEPTH, MAX_NODES, parse_rule
from csplatform.rules.tree import AllOf, AnyOf

pytestmark = pytest.mark.django_db
ROLE = {"test": "attribute", "name": "role", "operator": "equals", "value": "x"}


def paths(rule: Any, subject: str = "person") -> list[str]:
    """Paths of the problems of a rule."""
    with pytest.raises(DomainError) as caught:
        parse_rule(rule, subject, "/goal")
    return [problem.path for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        (None, "/goal"),
        (7, "/goal"),
        ([], "/goal"),
        ({"all": {}}, "/goal/all"),
        ({"all": [], "any": []}, "/goal"),
        ({"both": []}, "/goal"),
        ({"any": [ROLE, 1]}, "/goal/any/1"),
        ({"not": [ROLE]}, "/goal/not"),
        ({"test": "astrology"}, "/goal/test"),
        ({"test": ["attribute"]}, "/goal/test"),
        ({"test": "people"}, "/goal/test"),
        ({**ROLE, "name": "shoe_size"}, "/goal/name"),
        ({**ROLE, "operator": "gt"}, "/goal/operator"),
        ({**ROLE, "operator": "sounds_like"}, "/goal/operator"),
        ({**ROLE, "value": None}, "/goal/value"),
        ({**ROLE, "value": ["a"]}, "/goal/value"),
        ({**ROLE, "value": "a\x00b"}, "/goal/value"),
        ({**ROLE, "value": "\ud800"}, "/goal/value"),
        ({**ROLE, "value": "x" * 3000}, "/goal/value"),
        ({**ROLE, "operator": "in", "value": []}, "/goal/value"),
        ({**ROLE, "name": "created_at", "operator": "before", "value": "soon"}, "/goal/value"),
        ({**ROLE, "name": "created_at", "operator": "in_last_days", "value": -1}, "/goal/value"),
        ({"test": "event", "name": ""}, "/goal/name"),
        ({"test": "event", "name": "a", "count": 10**30}, "/goal/count"),
        ({"test": "event", "name": "a", "where": [{"property": "p"}]}, "/goal/where/0"),
        ({"test": "company", "rule": {"all": [ROLE, 3]}}, "/goal/rule/all/1"),
        ({"test": "segment", "segment": 99}, "/goal/segment"),
        ({"test": "segment", "segment": 2**70}, "/goal/segment"),
    ],
)
def test_a_bad_node_is_named(rule: Any, path: str) -> None:
    """REL-03: the path of the bad node."""
    assert path in paths(rule)


def test_all_problems_are_told_at_once() -> None:
    """REL-03: one look shows everything."""
    assert paths({"all": [1, {**ROLE, "name": "q"}, {"any": 2}]}) == [
        "/goal/all/0", "/goal/all/1/name", "/goal/all/2/any",
    ]  # fmt: skip


def test_size_and_depth_are_limited() -> None:
    """RUL-01: 500 nodes, 20 deep; more is refused, not tried."""
    assert paths({"all": [ROLE] * MAX_NODES}) == [f"/goal/all/{MAX_NODES - 1}"]
    parse_rule({"all": [ROLE] * (MAX_NODES - 1)}, "person")
    deep: Any = ROLE
    for _ in range(MAX_DEPTH):
        deep = {"not": deep}
    assert paths(deep) == ["/goal" + "/not" * MAX_DEPTH]
    for _ in range(50_000):
        deep = {"not": deep}
    assert paths(deep) == ["/goal" + "/not" * MAX_DEPTH]


def test_crossings_are_limited() -> None:
    """RUL-01: person to company to people to company, and no further."""
    rule: Any = {}
    for kind in ("people", "company", "people", "company"):
        rule = {"test": kind, "rule": rule}
    assert paths(rule) == ["/goal/rule/rule/rule"]


def test_what_empty_means() -> None:
    """RUL-01: nothing demanded is everybody, no alternative is nobody."""
    assert parse_rule({}, "person") == AllOf(()) == parse_rule({"all": []}, "company")
    assert parse_rule({"any": []}, "person") == AnyOf(())

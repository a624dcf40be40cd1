"""Every registered kind of rule test keeps the contract."""

import re

import pytest

from csplatform.customers.models import AttributeDefinition
from csplatform.kit.errors import DomainError
from csplatform.kit.registry import RegistrationError, Registry
from csplatform.rules.compile import matching_ids
from csplatform.rules.describe import describe
from csplatform.rules.kind import Example, RuleKind, shape_problem
from csplatform.rules.operators import OPERATORS
from csplatform.rules.parse import dump, load_rule
from csplatform.rules.references import fact_keys, needs_of, references, time_dependent
from csplatform.rules.registry import rule_kinds
from csplatform.rules.words import in_words
from tests.architecture.test_house import ROOT
from tests.rules.worlds import AT

CASES = [
    pytest.param(kind, example, id=f"{kind.key}-{index}")
    for kind in rule_kinds
    for index, example in enumerate(kind.examples)
]
pytestmark = pytest.mark.django_db


def rule_of(kind: RuleKind, example: Example) -> dict:
    """The example as a rule."""
    return {"test": kind.key, **example.config}


@pytest.mark.parametrize(("kind", "example"), CASES)
def test_example_survives_a_round_trip(kind: RuleKind, example: Example) -> None:
    """RUL-01: an example parses, and parsing its JSON again gives the same rule."""
    node = load_rule(rule_of(kind, example), example.subject)
    assert load_rule(dump(node), example.subject) == node


@pytest.mark.parametrize(("kind", "example"), CASES)
def test_unknown_settings_are_refused_with_their_path(kind: RuleKind, example: Example) -> None:
    """REL-03: a misspelt setting is named."""
    with pytest.raises(DomainError) as caught:
        load_rule({"not": {**rule_of(kind, example), "bogus": 1}}, example.subject)
    assert [problem.path for problem in caught.value.problems] == ["/not/bogus"]


@pytest.mark.parametrize(("kind", "example"), CASES)
def test_words_are_never_empty(kind: RuleKind, example: Example) -> None:
    """RUL-02: every test can be said."""
    node = load_rule(rule_of(kind, example), example.subject)
    assert len(in_words(node, example.subject)) > 10


@pytest.mark.parametrize(("kind", "example"), CASES)
def test_facts_are_declared(kind: RuleKind, example: Example) -> None:
    """SEG-02: a test without fact keys would never be fresh; needs and references do not fail."""
    node = load_rule(rule_of(kind, example), example.subject)
    assert rule_kinds.get(kind.key).fact_keys(node, example.subject)
    assert fact_keys(node, example.subject)
    needs_of(node, example.subject)
    references(node, example.subject)
    assert time_dependent(node, example.subject) in (True, False)


@pytest.mark.parametrize(("kind", "example"), CASES)
def test_sql_runs_for_all_and_for_a_few(kind: RuleKind, example: Example) -> None:
    """RUL-03: nobody there, nobody matched; and the statement is sound."""
    node = load_rule(rule_of(kind, example), example.subject)
    assert matching_ids(node, example.subject, AT) == set()
    assert matching_ids(node, example.subject, AT, ids=[1, 2]) == set()


@pytest.mark.parametrize("kind", rule_kinds, ids=lambda kind: kind.key)
def test_missing_values_are_decided_in_the_docstring(kind: RuleKind) -> None:
    """RUL-01: each kind has its own docstring."""
    assert type(kind).__doc__
    assert type(kind).__doc__ != RuleKind.__doc__


@pytest.mark.parametrize("subject", ["person", "company"])
def test_the_builder_learns_of_every_kind(subject: str) -> None:
    """RUL-02: each kind and each attribute has inputs."""
    AttributeDefinition.objects.create(subject=subject, name="plan", label="Plan", type="text")
    told = describe(subject)
    wanted = [kind.key for kind in rule_kinds if subject in kind.subjects and kind.offered]
    assert [kind["key"] for kind in told["kinds"]] == wanted
    assert "plan" in [attribute["name"] for attribute in told["attributes"]]
    assert all(attribute["operators"] for attribute in told["attributes"])


def test_a_kind_without_sql_stops_the_start() -> None:
    """RUL-01: a bad registration is refused with its name."""

    class Half(RuleKind):
        """Half a kind."""

        key, label, group, examples = "half", "Half", "Test", (Example("person"),)

    registry: Registry[RuleKind] = Registry("kind of rule test", shape_problem)
    with pytest.raises(RegistrationError, match=r"half.*does not say sql, holds, words"):
        registry.register("half", Half())
    taken = rule_kinds.get("attribute")
    with pytest.raises(RegistrationError, match="registered twice"):
        rule_kinds.register("attribute", taken)


def test_the_reference_tells_every_kind_setting_and_operator() -> None:
    """RUL-01: docs/rules.md has a heading for each kind, and under it each of its settings."""
    text = (ROOT / "docs" / "rules.md").read_text()
    parts = re.split(r"^### ", text, flags=re.M)[1:]
    told = {
        key.strip(): part
        for part in parts
        for key in part.split("\n", 1)[0].split(" — ")[0].split(",")
    }
    assert set(told) == {kind.key for kind in rule_kinds}
    for kind in rule_kinds:
        for name in kind.Config.model_fields:
            assert re.search(rf"`{name}\b|[` ]{name}\b[^`\n]*`", told[kind.key]), (
                f"docs/rules.md does not tell “{name}” of “{kind.key}”"
            )
    for family in OPERATORS.values():
        for operator in family:
            assert re.search(rf"\b{operator}\b", told["attribute"]), operator

"""RUL-03: SQL, memory and a plain re-telling give the same answer."""

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from csplatform.customers.models import AttributeDefinition
from csplatform.rules.compile import matching_ids
from csplatform.rules.evaluate import explain, matches
from csplatform.rules.load import load_facts
from csplatform.rules.parse import dump, load_rule, parse_rule, problems_of
from csplatform.rules.references import fact_keys, needs_of, time_dependent
from csplatform.rules.words import in_words
from tests.oracles.rules import fits
from tests.rules import worlds
from tests.rules.worlds import AT, TYPES, Drawn

SUBJECTS = st.sampled_from(["person", "company"])
PACE = settings(
    max_examples=int(os.environ.get("RULE_EXAMPLES", "20")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


class Evaluators(TestCase):
    """Random rules over random worlds."""

    @classmethod
    def setUpTestData(cls) -> None:
        worlds.declare()

    @PACE
    @given(world=worlds.worlds(), subject=SUBJECTS, data=st.data())
    def test_sql_memory_and_the_plain_telling_agree(
        self, world: Drawn, subject: str, data: st.DataObject
    ) -> None:
        """RUL-03: for everybody, for a few ids and for one alone, whatever the rule."""
        people, companies = worlds.store(world)
        things = people if subject == "person" else companies
        for rule in data.draw(st.lists(worlds.rules(subject), min_size=4, max_size=8)):
            node = parse_rule(rule, subject)
            told = {id_ for id_, it in things.items() if fits(rule, subject, it, TYPES, AT)}
            assert matching_ids(node, subject, AT) == told, rule
            assert matching_ids(node, subject, AT, ids=list(things)) == told, rule
            facts = load_facts(subject, things, needs_of(node, subject), AT)
            held = {id_ for id_ in things if matches(node, facts[id_], AT)}
            assert held == told, rule

    @PACE
    @given(world=worlds.worlds(), subject=SUBJECTS, data=st.data())
    def test_tests_of_events_and_records_agree_one_by_one(
        self, world: Drawn, subject: str, data: st.DataObject
    ) -> None:
        """RUL-03: the richer tests, each alone, so that nothing beside them hides a difference."""
        people, companies = worlds.store(world)
        things = people if subject == "person" else companies
        families = [worlds.sequence_tests(), worlds.event_tests(subject)]
        families += [worlds.usage_tests(subject)]
        families += [worlds.record_tests()] if subject == "company" else []
        for rule in [data.draw(family) for family in families for _ in range(4)]:
            node = parse_rule(rule, subject)
            told = {id_ for id_, it in things.items() if fits(rule, subject, it, TYPES, AT)}
            assert matching_ids(node, subject, AT) == told, rule
            assert matching_ids(node, subject, AT, ids=list(things)) == told, rule
            facts = load_facts(subject, things, needs_of(node, subject), AT)
            assert {id_ for id_ in things if matches(node, facts[id_], AT)} == told, rule

    @PACE
    @given(world=worlds.worlds(), subject=SUBJECTS, data=st.data())
    def test_a_rule_and_its_negation_split_everybody(
        self, world: Drawn, subject: str, data: st.DataObject
    ) -> None:
        """RUL-03: no test is ever unknown."""
        people, companies = worlds.store(world)
        rule = data.draw(worlds.rules(subject))
        yes = matching_ids(parse_rule(rule, subject), subject, AT)
        no = matching_ids(parse_rule({"not": rule}, subject), subject, AT)
        assert not yes & no
        assert yes | no == set(people if subject == "person" else companies)

    @PACE
    @given(subject=SUBJECTS, data=st.data())
    def test_dumping_keeps_the_rule_and_words_never_fail(
        self, subject: str, data: st.DataObject
    ) -> None:
        """RUL-01: the JSON of a rule is the rule; RUL-02: every rule can be said."""
        node = parse_rule(data.draw(worlds.rules(subject, 4)), subject)
        assert parse_rule(dump(node), subject) == node
        assert in_words(node, subject).endswith(".")
        assert fact_keys(node, subject)
        assert time_dependent(node, subject) in (True, False)

    @PACE
    @given(world=worlds.worlds(), subject=SUBJECTS, data=st.data())
    def test_rules_over_attributes_that_are_gone_still_answer_alike(
        self, world: Drawn, subject: str, data: st.DataObject
    ) -> None:
        """RUL-03: an attribute that was deleted or changed its type never breaks a stored rule."""
        people, companies = worlds.store(world)
        rule = data.draw(worlds.rules(subject))
        AttributeDefinition.objects.filter(name="x_text").delete()
        AttributeDefinition.objects.filter(name="x_number").update(type="list")
        node = load_rule(rule, subject)
        everybody = people if subject == "person" else companies
        facts = load_facts(subject, everybody, needs_of(node, subject), AT)
        held = {id_ for id_ in everybody if matches(node, facts[id_], AT)}
        assert matching_ids(node, subject, AT) == held
        assert in_words(node, subject)
        for id_ in everybody:
            assert explain(node, facts[id_], AT).truth == (id_ in held)


GARBAGE = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5),
        st.sampled_from(["all", "any", "not", "test", "attribute", "event", "\x00", "\ud800"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.one_of(
                st.text(max_size=3),
                st.sampled_from(["all", "any", "not", "test", "name", "operator", "value", "rule",
                                 "where", "days", "count", "match", "property", "segment"]),
            ),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=12,
)  # fmt: skip


@pytest.mark.django_db
@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    data=GARBAGE,
    kind=st.sampled_from(["attribute", "event", "company", "segment", "x"]),
    mode=st.integers(0, 2),
)
def test_garbage_is_refused_with_a_path(data: Any, kind: str, mode: int) -> None:
    """REL-03: whatever comes in, the answer is a rule or a DomainError."""
    if mode and isinstance(data, dict):
        data = {**data, "test": kind}
    problems = problems_of(data, "person", "/audience")
    for problem in problems:
        assert problem.path.startswith("/audience")
        assert problem.message
        assert problem.path.encode()
    if not problems:
        node = parse_rule(data, "person", "/audience")
        assert parse_rule(dump(node), "person") == node
        matching_ids(node, "person", AT)

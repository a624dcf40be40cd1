"""RUL-03: explanations: the truth and the value of every leaf, now and as of a past instant."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from csplatform.customers.models import Company
from csplatform.customers.operations.attributes import patch_attributes
from csplatform.customers.operations.events import EventInput, record_events
from csplatform.customers.operations.memberships import set_memberships
from csplatform.customers.operations.people import PersonInput, upsert_people
from csplatform.kit.clock import database_now
from csplatform.rules.compile import count_matching, matching_ids, sample_matching
from csplatform.rules.evaluate import Explained, explain, matches
from csplatform.rules.load import load_facts
from csplatform.rules.parse import parse_rule
from csplatform.rules.references import needs_of
from tests.factories import company, person
from tests.segments.cast import attribute, segment

pytestmark = pytest.mark.django_db
CAUSE = {"kind": "test"}


def explained(rule: Any, id_: int, at: datetime, *, past: bool = False) -> Explained:
    """The rule explained for one person."""
    node = parse_rule(rule, "person")
    facts = load_facts("person", [id_], needs_of(node, "person"), at, past=past)
    return explain(node, facts[id_], at)


def test_every_leaf_has_its_truth_and_value() -> None:
    """RUL-03: with the path of the leaf, its words and what the answer rests on."""
    acme, globex = company(name="Acme", arr=5000), company(name="Globex", arr=10)
    ann = person(role="admin", at=acme)
    set_memberships(ann.pk, [acme.pk, globex.pk], actor=None)
    record_events([EventInput("login", person_id=ann.pk)])
    rule = {
        "all": [
            attribute("role", "equals", "Admin"),
            {"not": {"test": "event", "name": "login", "count": 2, "days": 7}},
            {"test": "company", "match": "all", "rule": attribute("arr", "gt", 100)},
        ]
    }
    told = explained(rule, ann.pk, database_now())
    assert told.truth is False
    role, negation, companies = told.children
    assert (role.path, role.words, role.truth, role.value) == (
        "/all/0", "Role is “Admin”", True, "admin",
    )  # fmt: skip
    event = negation.children[0]
    assert (event.path, event.truth, event.value) == ("/all/1/not", False, 1)
    assert (negation.words, negation.truth) == ("not", True)
    assert (companies.truth, companies.value) == (
        False,
        [
            {"id": acme.pk, "label": "Acme", "truth": True},
            {"id": globex.pk, "label": "Globex", "truth": False},
        ],
    )
    assert told.as_json()["children"][0]["value"] == "admin"


def test_the_past_is_told_as_it_was_known(run_lanes: Callable[..., int]) -> None:
    """RUL-03: values, events, companies and segments of then."""
    acme, globex = company(arr=5000), company(arr=10)
    made = upsert_people([PersonInput(email="ann@example.com", role="user")], actor=None)[0]
    set_memberships(made.id, [acme.pk], actor=None)
    users = segment("Users", attribute("role", "equals", "user"))
    run_lanes()
    rule = {
        "all": [
            attribute("role", "equals", "user"),
            {"test": "event", "name": "login", "operator": "none"},
            {"test": "company", "rule": attribute("arr", "gte", 5000)},
            {"test": "segment", "segment": users.pk},
        ]
    }
    then = database_now()
    patch_attributes("person", {made.id: {"role": "admin"}}, cause=CAUSE)
    patch_attributes("company", {acme.pk: {"arr": 1}}, cause=CAUSE)
    record_events([EventInput("login", person_id=made.id)])
    set_memberships(made.id, [globex.pk], actor=None)
    run_lanes()
    now_told = explained(rule, made.id, database_now())
    assert [leaf.truth for leaf in now_told.children] == [False, False, False, False]
    then_told = explained(rule, made.id, then, past=True)
    assert [leaf.truth for leaf in then_told.children] == [True, True, True, True]


def test_somebody_who_came_later_was_not_there() -> None:
    """RUL-03: as of the past, people who did not exist yet match nothing."""
    then = database_now()
    ann = person()
    node = parse_rule({}, "person")
    facts = load_facts("person", [ann.pk], needs_of(node, "person"), then, past=True)
    assert not matches(node, facts[ann.pk], then)


def test_tombstones_are_never_matched() -> None:
    """CUS-04: merged and erased people, also as the people of a company."""
    acme = company()
    ann = person(at=acme)
    merged = person(merged_into=ann, role="admin", at=acme)
    erased = person(erased_at=database_now(), role="admin", at=acme)
    at = database_now()
    assert matching_ids(parse_rule({}, "person"), "person", at) == {ann.pk}
    rule = {"test": "people", "rule": attribute("role", "equals", "admin")}
    node = parse_rule(rule, "company")
    assert matching_ids(node, "company", at) == set()
    facts = load_facts("company", [acme.pk], needs_of(node, "company"), at)
    assert not matches(node, facts[acme.pk], at)
    gone = load_facts("person", [merged.pk, erased.pk], needs_of(node, "company"), at)
    assert not any(matches(parse_rule({}, "person"), found, at) for found in gone.values())


def test_questions_cost_the_same_for_one_and_for_many() -> None:
    """SEG-02: one statement in SQL; a constant number of queries to load facts."""
    acme = company(arr=10)
    rule = {
        "any": [
            {"test": "event", "name": "login", "count": 3, "days": 30},
            {"test": "company", "rule": {"test": "people", "rule": attribute("role", "set")}},
        ]
    }
    node = parse_rule(rule, "person")
    at = database_now()

    def cost(count: int) -> tuple[int, int]:
        ids = [person(at=acme).pk for _ in range(count)]
        with CaptureQueriesContext(connection) as asked:
            matching_ids(node, "person", at, ids=ids)
        with CaptureQueriesContext(connection) as loaded:
            load_facts("person", ids, needs_of(node, "person"), at)
        return len(asked), len(loaded)

    assert cost(1) == (1, cost(20)[1])


def test_counting_and_samples() -> None:
    """RUL-02: how many, and the newest few."""
    made = [person(role="admin").pk for _ in range(7)]
    node = parse_rule(attribute("role", "equals", "admin"), "person")
    at = database_now()
    assert count_matching(node, "person", at) == 7
    assert sample_matching(node, "person", at, 3) == made[:-4:-1]
    assert matching_ids(node, "person", at, ids=[]) == set()


def test_values_are_literal() -> None:
    """SEC-02: quotes, percent signs and underscores are just letters."""
    odd = Company.objects.create(name="100%_o'x\"; DROP TABLE customers_person; --")
    Company.objects.create(name="100 ox")
    at = database_now()
    for part in ("%", "_", "'", '"; DROP TABLE'):
        node = parse_rule(attribute("name", "contains", part), "company")
        assert matching_ids(node, "company", at) == {odd.pk}

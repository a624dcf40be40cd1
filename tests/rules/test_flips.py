"""SEG-01: time alone changes no answer before the moment that was noted for it."""

import os
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from csplatform.customers.models import AttributeDefinition
from csplatform.kit import sql
from csplatform.rules.flips import between, next_flips, these
from csplatform.rules.parse import load_rule, parse_rule
from csplatform.rules.references import time_dependent
from tests.oracles.rules import fits
from tests.rules import worlds
from tests.rules.worlds import AT, TYPES, Drawn

PACE = settings(
    max_examples=int(os.environ.get("RULE_EXAMPLES", "30")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
LATER = st.builds(
    timedelta,
    days=st.integers(0, 15),
    hours=st.sampled_from([0, 0, 11, 12]),
    microseconds=st.sampled_from([0, 0, 1]),
)


RELATIVE = ["in_last_days", "in_next_days", "more_than_days_ago", "more_than_days_ahead",
            "today", "in_past", "in_future", "anniversary_in_days"]  # fmt: skip
names = st.sampled_from(worlds.EVENTS)
windows = st.sampled_from([1, 2, 4, 6])


@st.composite
def timed_events(draw: st.DrawFn, subject: str) -> dict:
    """A test of events whose answer time may change."""
    kind = draw(st.integers(0, 3))
    if kind == 0:
        rule = draw(worlds.sequence_tests())
        return {**rule, "days": rule["days"] or draw(windows)}
    if kind == 1:
        return {
            "test": "event_time", "name": draw(names), "operator": draw(st.sampled_from(RELATIVE)),
            "value": draw(st.integers(0, 6)), "which": draw(st.sampled_from(["first", "last"])),
        }  # fmt: skip
    if kind == 2:
        return {
            "test": "event_value", "name": draw(names), "property": "p", "days": draw(windows),
            "measure": draw(st.sampled_from(["sum", "average", "min"])), "value": 2,
            "operator": draw(st.sampled_from(["gte", "lt", "equals"])),
        }  # fmt: skip
    measure = draw(st.sampled_from(["times", "times", "days", "values"]))
    return {
        "test": "event", "name": draw(names), "days": draw(windows), "measure": measure,
        "property": "p" if measure == "values" else "", "count": draw(st.integers(0, 2)),
        "operator": draw(st.sampled_from(["at_least", "at_most", "exactly", "none"])),
    }  # fmt: skip


@st.composite
def timed_records(draw: st.DrawFn) -> dict:
    """A test of subscriptions or invoices whose answer time may change."""
    kind, field = draw(st.sampled_from([("subscription", "ends_on"), ("invoice", "unpaid_due_on"),
                                        ("subscription", "notice_until")]))  # fmt: skip
    item = {"field": field, "operator": draw(st.sampled_from(RELATIVE)), "value": draw(
        st.integers(0, 6))}  # fmt: skip
    return {"test": kind, "match": draw(st.sampled_from(["any", "none", "all"])), "where": [
        fitting(item)]}  # fmt: skip


def fitting(rule: dict) -> dict:
    """Without a value where the operator takes none."""
    plain = rule["operator"] in ("today", "in_past", "in_future")
    return {key: value for key, value in rule.items() if key != "value" or not plain}


def timed_rules(subject: str, *, cross: bool = True) -> st.SearchStrategy[dict]:
    """Rules whose answer time may change, alone, joined, or over the related subjects."""
    names = ["x_date", "x_moment", *(["renewal_date"] if subject == "company" else [])]
    leaf = st.one_of(
        st.fixed_dictionaries({
            "test": st.just("attribute"), "name": st.sampled_from(names),
            "operator": st.sampled_from(RELATIVE), "value": st.integers(0, 6),
        }).map(fitting),
        timed_events(subject),
        *([timed_records()] if subject == "company" else []),
    )  # fmt: skip
    found = st.one_of(leaf, st.lists(leaf, min_size=2, max_size=2).map(lambda two: {"any": two}))
    if not cross:
        return found
    other = "company" if subject == "person" else "person"
    test = "company" if subject == "person" else "people"
    over = timed_rules(other, cross=False)
    return st.one_of(
        found, found, over.map(lambda rule: {"test": test, "match": "any", "rule": rule})
    )


def flips_of(node: Any, subject: str, whom: Any) -> dict[int, Any]:
    """Noted moments by id."""
    query = next_flips(node, subject, AT, whom)
    return {} if query is None else dict(sql.rows(query.text, query.params))


class Flips(TestCase):
    """Random rules over random worlds, as time goes by."""

    @classmethod
    def setUpTestData(cls) -> None:
        worlds.declare()

    @PACE
    @given(
        world=worlds.worlds(), subject=st.sampled_from(["person", "company"]), data=st.data(),
        later=st.lists(LATER, min_size=6, max_size=12),
    )  # fmt: skip
    def test_no_answer_changes_before_its_flip(
        self, world: Drawn, subject: str, data: st.DataObject, later: list[timedelta]
    ) -> None:
        """SEG-01: for everybody, whatever the rule; a slice and a few ids are told the same."""
        known = [event for event in world.events if min(event[3], event[4]) <= AT]
        people, companies = worlds.store(replace(world, events=known))
        things = people if subject == "person" else companies
        for rule in data.draw(st.lists(timed_rules(subject), min_size=4, max_size=8)):
            node = parse_rule(rule, subject)
            flips = flips_of(node, subject, these(things))
            assert flips == flips_of(node, subject, between(0, None))
            assert time_dependent(node, subject)
            assert all(due > AT for due in flips.values())
            for id_, thing in things.items():
                now = fits(rule, subject, thing, TYPES, AT)
                for span in later:
                    moment = AT + span
                    if id_ not in flips or moment < flips[id_]:
                        assert fits(rule, subject, thing, TYPES, moment) == now, (rule, moment)

    @PACE
    @given(world=worlds.worlds(), data=st.data())
    def test_values_of_another_type_do_not_break_it(
        self, world: Drawn, data: st.DataObject
    ) -> None:
        """RUL-03: text left from an earlier type stands where a date is looked for."""
        worlds.store(world)
        AttributeDefinition.objects.filter(name__in=["x_text", "x_link", "x_choice"]).update(
            type=data.draw(st.sampled_from(["date", "datetime"]))
        )
        for name in ("x_text", "x_link", "x_choice"):
            rule = {"test": "attribute", "name": name, "operator": "in_last_days", "value": 3}
            flips_of(load_rule(rule, "person"), "person", between(0, None))

"""RUL-02: what the builder asks beside the count: names, values, why, estimates."""

import json

import pytest
from django.test import Client

from csplatform.customers.operations.events import EventInput, record_events
from csplatform.kit import sql
from csplatform.kit.clock import now
from csplatform.rules import views
from csplatform.rules.compile import matching_ids
from csplatform.rules.evaluate import matches
from csplatform.rules.flips import between, next_flips
from csplatform.rules.load import load_facts
from csplatform.rules.parse import load_rule, parse_rule, problems_of
from csplatform.rules.references import needs_of
from tests import factories as make

pytestmark = pytest.mark.django_db
ROLE = {"test": "attribute", "name": "role", "operator": "equals", "value": "admin"}


@pytest.fixture
def staff() -> Client:
    """Somebody who may see people."""
    client = Client()
    client.force_login(make.staff("csm"))
    return client


def explain(client: Client, **body):
    """Ask why."""
    return client.post(
        "/admin/rules/explain?subject=person", json.dumps(body), content_type="application/json"
    )


def test_properties_and_their_values_are_suggested_by_frequency(staff: Client) -> None:
    someone = make.person()
    record_events(
        [EventInput("export", person_id=someone.pk, properties={"format": f, "pages": 3})
         for f in ("pdf", "pdf", "csv")]
    )  # fmt: skip

    def values(**about: str) -> list[str]:
        return staff.get("/admin/rules/suggest", {"subject": "person", **about}).json()["values"]

    assert values(event="export") == ["format", "pages"]
    assert values(event="export", property="format") == ["pdf", "csv"]
    assert values(event="never") == []
    assert values(event="export", property="a\x00b") == []
    assert values(attribute="role") == []


def test_somebody_is_found_and_explained(staff: Client) -> None:
    ann = make.person(name="Ann", role="admin")
    found = staff.get("/admin/rules/find", {"subject": "person", "q": "an"}).json()["found"]
    assert [(one["id"], one["label"]) for one in found] == [(ann.pk, "Ann")]
    told = explain(staff, rule=ROLE, id=ann.pk).json()
    assert told["explained"] == {
        "path": "", "words": "Role is “admin”", "truth": True, "value": "admin", "children": [],
    }  # fmt: skip
    past = explain(staff, rule=ROLE, id=ann.pk, at="2001-01-01T00:00").json()
    assert (past["alive"], past["past"], past["explained"]) == (False, True, None)
    assert explain(staff, rule={"test": "x"}, id=ann.pk).json()["problems"]
    assert explain(staff, rule=ROLE, id="me").status_code == 400
    assert explain(staff, rule=ROLE, id=10**12).status_code == 404
    assert explain(staff, rule=ROLE, id=ann.pk, at="soon").json()["problems"][0]["path"] == "/at"
    assert Client().get("/admin/rules/find", {"subject": "person", "q": "a"}).status_code == 401


def test_a_slow_count_is_estimated() -> None:
    """Of those picked at random, as many in a hundred as of all."""

    make.people(200)
    sql.run("UPDATE customers_person SET role = 'admin' WHERE id % 2 = 0")
    sql.run("ANALYZE customers_person")
    told = views._estimate(parse_rule(ROLE, "person"), "person", now())
    assert told["estimated"]
    assert 60 <= told["count"] <= 140
    assert len(told["sample"]) == 5


def test_deep_rules_are_refused_at_the_place_that_is_too_deep() -> None:
    """REL-03: fifty nested groups."""
    rule: dict = dict(ROLE)
    for _ in range(50):
        rule = {"all": [rule]}
    found = problems_of(rule, "person")
    assert [problem.code for problem in found] == ["too_deep"]
    assert found[0].path.count("/all/0") == 20


@pytest.mark.parametrize("operator", ["before", "after", "on", "in_next_days", "in_last_days",
                                      "more_than_days_ahead", "anniversary_in_days"])  # fmt: skip
def test_the_ends_of_the_calendar_are_days_like_others(operator: str) -> None:
    """REL-03: no test of a date fails on its first or last day, nor on the longest span."""

    first, last = make.company(renewal_date="0001-01-01"), make.company(renewal_date="9999-12-31")
    days = operator.endswith(("days", "ahead"))
    for value in (0, 36_500) if days else ("0001-01-01", "9999-12-31"):
        rule = {"test": "attribute", "name": "renewal_date", "operator": operator, "value": value}
        node, at = load_rule(rule, "company"), now()
        facts = load_facts("company", [first.pk, last.pk], needs_of(node, "company"), at)
        held = {id_ for id_, known in facts.items() if matches(node, known, at)}
        assert matching_ids(node, "company", at) == held
        if query := next_flips(node, "company", at, between(0, None)):
            sql.rows(query.text, query.params)

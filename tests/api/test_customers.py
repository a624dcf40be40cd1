"""Contract of people, companies, attributes, events and sources over HTTP (API-01, CUS-01)."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from csplatform.accounts.models import AuditEntry
from csplatform.customers.models import AttributeChange, AttributeDefinition, Event, Person, Source
from csplatform.customers.operations.events import EventInput, record_events
from tests import factories
from tests.api.conftest import Caller, problems

pytestmark = pytest.mark.django_db


def test_a_person_is_created_once_and_then_updated(api: Caller) -> None:
    AttributeDefinition.objects.create(subject="person", name="plan", label="Plan", type="text")
    body = {
        "email": "Anna@Acme.example",
        "external_id": "u-17",
        "name": "Anna Berg",
        "attributes": {"plan": "pro"},
        "companies": [{"external_id": "acme", "name": "Acme"}],
    }
    created = api.post("people/", body)
    assert created.status_code == 201
    person = created.json()
    assert person["attributes"] == {"plan": "pro"}
    assert person["external_ids"] == [{"kind": "user_id", "value": "u-17"}]
    assert [(c["name"], c["is_primary"]) for c in person["companies"]] == [("Acme", True)]
    assert (person["event_count"], person["last_seen_at"]) == (0, None)
    again = api.post("people/", {"email": "anna@acme.EXAMPLE", "role": "Boss"})
    assert again.status_code == 200
    assert (again.json()["id"], again.json()["role"]) == (person["id"], "Boss")
    assert again.json()["name"] == "Anna Berg"
    assert api.get(f"people/{person['id']}/").json() == again.json()
    assert Person.objects.count() == 1


def test_a_person_changes_and_the_history_names_who_did_it(api: Caller) -> None:
    home, other = factories.company(), factories.company()
    person = factories.person(at=home, name="Anna", role="Boss")
    body = {"role": None, "companies": [home.pk, other.pk], "primary_company": other.pk}
    answer = api.patch(f"people/{person.pk}/", body)
    assert answer.status_code == 200
    assert answer.json()["role"] == ""
    assert {c["id"]: c["is_primary"] for c in answer.json()["companies"]} == {
        home.pk: False,
        other.pk: True,
    }
    change = AttributeChange.objects.get(subject_id=person.pk, name="role")
    assert (change.old, change.new, change.cause["kind"]) == ("Boss", None, "user")
    assert problems(api.patch(f"people/{person.pk}/", {"attributes": {"nope": 1}})) == {
        "/nope": "unknown"
    }
    assert problems(api.patch(f"people/{person.pk}/", {"time_zone": "Mars/Base"})) == {
        "/time_zone": "time_zone"
    }


def test_an_address_that_somebody_else_has_is_a_conflict(api: Caller) -> None:
    factories.person(email="taken@example.com")
    person = factories.person()
    response = api.patch(f"people/{person.pk}/", {"email": "Taken@example.com"})
    assert response.status_code == 409
    assert problems(response) == {"/email": "taken"}


def test_people_are_filtered(api: Caller) -> None:
    company = factories.company()
    anna = factories.person(at=company, name="Anna Berg", email="anna@acme.example", role="Boss")
    anna.external_ids.create(kind="crm", value="c-1")
    factories.person(name="Bert", email="bert@other.example")
    for query in (
        "search=ANN", "search=anna@ac", "email=ANNA@acme.example", "external_id=c-1",
        f"company={company.pk}", "role=Boss",
    ):  # fmt: skip
        found = api.get(f"people/?{query}").json()["results"]
        assert [row["id"] for row in found] == [anna.pk], query
    assert api.get("people/?search=%25").json()["results"] == []


def test_merging_leaves_a_tombstone_that_names_the_winner(api: Caller) -> None:
    winner, loser = factories.person(), factories.person()
    answer = api.post(f"people/{winner.pk}/merge/", {"loser": loser.pk})
    assert answer.status_code == 200
    assert api.get(f"people/{loser.pk}/").json()["merged_into"] == winner.pk
    assert [row["id"] for row in api.get("people/").json()["results"]] == [winner.pk]
    same = api.post(f"people/{winner.pk}/merge/", {"loser": winner.pk})
    assert problems(same) == {"/loser": "same"}


def test_a_batch_costs_the_same_for_2_and_200_people(api: Caller) -> None:
    def cost(start: int, count: int) -> int:
        people = [
            {"email": f"p{start + n}@example.com", "companies": [{"name": f"C{n % 7}"}]}
            for n in range(count)
        ]
        with CaptureQueriesContext(connection) as queries:
            answer = api.post("people/batch/", {"people": people})
        assert answer.status_code == 200
        assert [row["created"] for row in answer.json()["results"]] == [True] * count
        return len(queries)

    api.get("people/")
    cost(0, 10)
    assert cost(1000, 2) == cost(2000, 200)
    too_many = api.post("people/batch/", {"people": [{"email": "a@example.com"}] * 501})
    assert "/people" in problems(too_many)


def test_a_company_is_created_read_changed_and_found(api: Caller) -> None:
    csm = factories.staff("csm")
    body = {
        "name": "Acme", "external_id": "acme", "domains": ["Acme.Example"], "stage": "live",
        "arr": 24000.5, "renewal_date": "2027-03-01", "tags": ["gold"],
    }  # fmt: skip
    created = api.post("companies/", body)
    assert created.status_code == 201, created.content
    company = created.json()
    assert (company["domains"], company["arr"]) == (["acme.example"], 24000.5)
    assert api.post("companies/", {"external_id": "acme"}).status_code == 200
    parent = factories.company()
    change = {"csm": csm.pk, "parent": parent.pk, "arr": None, "stage": "renewal"}
    changed = api.patch(f"companies/{company['id']}/", change)
    assert changed.status_code == 200
    assert {name: changed.json()[name] for name in change} == change
    for query in (
        "search=acm", "stage=renewal", f"csm={csm.pk}", "tag=gold", "domain=acme.EXAMPLE",
        "external_id=acme", f"parent={parent.pk}", "renewal_from=2027-03-01",
        "renewal_until=2027-03-01",
    ):  # fmt: skip
        found = api.get(f"companies/?{query}").json()["results"]
        assert [row["id"] for row in found] == [company["id"]], query
    circle = api.patch(f"companies/{parent.pk}/", {"parent": company["id"]})
    assert problems(circle) == {"/parent": "circle"}
    assert problems(api.patch(f"companies/{parent.pk}/", {"stage": "gone"})) == {
        "/stage": "invalid_choice"
    }
    batch = api.post("companies/batch/", {"companies": [{"name": "Acme"}, {"name": "B"}]})
    assert [row["created"] for row in batch.json()["results"]] == [False, True]


def test_attributes_are_declared_and_changed_with_a_trail(api: Caller) -> None:
    body = {"subject": "person", "name": "plan", "label": "Plan", "type": "choice"}
    assert problems(api.post("attributes/", body)) == {"/choices": "missing"}
    created = api.post("attributes/", {**body, "choices": ["free", "pro"]})
    assert created.status_code == 201
    assert problems(api.post("attributes/", {**body, "choices": ["x"]})) == {"/name": "taken"}
    assert problems(api.post("attributes/", {**body, "name": "email", "choices": ["x"]})) == {
        "/name": "taken"
    }
    url = f"attributes/{created.json()['id']}/"
    assert api.patch(url, {"label": "Tariff"}).json()["label"] == "Tariff"
    assert problems(api.patch(url, {"type": "text"})) == {"/type": "unknown"}
    verbs = AuditEntry.objects.order_by("id").values_list("verb", "after__label")
    assert list(verbs) == [("attribute.add", "Plan"), ("attribute.change", "Tariff")]


def test_events_are_recorded_once_per_message_and_read_back(api: Caller) -> None:
    company = factories.company()
    person = factories.person(at=company, email="anna@acme.example")
    person.external_ids.create(value="u-17")
    source = Source.objects.create(name="Warehouse")
    names = ("person_id", person.pk), ("email", "ANNA@acme.example"), ("external_id", "u-17")
    events = [
        {"name": "report.made", key: value, "message_id": key, "properties": {"n": index}}
        for index, (key, value) in enumerate(names)
    ]
    body = {"source": source.pk, "events": [*events, {"name": "x", "company_id": company.pk}]}
    answer = api.post("events/", body)
    assert answer.status_code == 201, answer.content
    assert [row["status"] for row in answer.json()["results"]] == ["new"] * 4
    again = api.post("events/", {"source": source.pk, "events": events})
    assert [row["status"] for row in again.json()["results"]] == ["duplicate"] * 3
    found = api.get(f"events/?person={person.pk}&name=report.made&ordering=id").json()["results"]
    assert [row["properties"]["n"] for row in found] == [0, 1, 2]
    assert {row["company_id"] for row in found} == {company.pk}
    assert api.get(f"events/{found[0]['id']}/").json() == found[0]
    assert {n["name"] for n in api.get("event-names/").json()["results"]} == {"report.made", "x"}
    assert api.get("event-names/?search=REP").json()["results"][0]["name"] == "report.made"
    assert api.get("sources/").json()["results"][0]["write_key"] == source.write_key
    assert api.get("events/?since=2100-01-01T00:00:00Z").json()["results"] == []


def test_a_bad_event_refuses_the_batch_with_its_place(api: Caller) -> None:
    person = factories.person()
    good = {"name": "a", "person_id": person.pk}
    for bad, path, code in (
        ({"name": "a"}, "/events/1", "missing"),
        ({"name": "a", "email": "who@example.com"}, "/events/1/email", "unknown"),
        ({"name": "a", "person_id": 99999}, "/events/1/person_id", "unknown"),
        ({"name": "a", "company_id": 99999}, "/events/1/company_id", "unknown"),
        ({"name": "", "person_id": person.pk}, "/events/1/name", "blank"),
        ({**good, "occurred_at": "yesterday"}, "/events/1/occurred_at", "invalid"),
        ({**good, "message_id": "m"}, "/source", "missing"),
    ):
        response = api.post("events/", {"events": [good, bad]})
        assert response.status_code == 400
        assert problems(response).get(path) == code, response.content
    assert problems(api.post("events/", {"source": 9, "events": [good]})) == {"/source": "unknown"}
    assert not Event.objects.exists()


def test_counters_show_on_the_person(api: Caller) -> None:
    person = factories.person()
    record_events([EventInput("a", person_id=person.pk)] * 3)
    row = api.get(f"people/{person.pk}/").json()
    assert row["event_count"] == 3
    assert row["last_seen_at"] is not None

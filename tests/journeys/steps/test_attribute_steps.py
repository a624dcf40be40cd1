"""Set, copy, clear and increase attributes, of people and of their companies (PRG-07)."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from csplatform.customers.models import AttributeChange, AttributeDefinition, Company
from csplatform.customers.operations.attributes import patch_attributes
from csplatform.customers.operations.increase import increase_attribute
from csplatform.kit.errors import DomainError
from journeys.engine import advance
from journeys.models import Participant, Transition
from journeys.operations.draft import create_program
from journeys.operations.enroll import enroll
from journeys.operations.publish import publish_program
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def attributes(db):
    """Number and text of both subjects."""
    for subject in ("person", "company"):
        for name, kind in (("points", "number"), ("note", "text"), ("since", "date")):
            AttributeDefinition.objects.create(
                subject=subject, name=name, label=name.capitalize(), type=kind
            )


def travel(rows, *steps, type="person"):
    """Everybody goes through the steps; the participants by subject id."""
    program = make.program(*steps, type=type)
    enroll(program.pk, make.ids(rows), actor=None)
    advance.run_ids(make.ids(Participant.objects.filter(program=program)))
    return {(p.person_id or p.company_id): p for p in Participant.objects.filter(program=program)}


def told(participant):
    """The evidence of its first step."""
    return Transition.objects.filter(participant_id=participant.pk, kind="go").first().evidence


def test_a_person_writes_its_company():
    """“Company: …” in a person program is the company that the person travels for."""
    company = make.company()
    person = make.person(at=company)
    found = travel([person], make.step("set_attribute", "k1", attribute="company.note", value="x"))
    company.refresh_from_db()
    assert company.attributes == {"note": "x"}
    assert told(found[person.pk]) == {"attribute": "company.note", "new": "x", "old": None}
    change = AttributeChange.objects.get(subject="company", subject_id=company.pk, name="note")
    assert change.cause == {"program": found[person.pk].program_id, "step": "k1"}


def test_who_travels_for_no_company_goes_on():
    """Nothing to write is a stated outcome, never a stuck participant."""
    person = make.person()
    found = travel(
        [person],
        make.step("set_attribute", "k1", attribute="company.note", value="x"),
        make.step("increase_attribute", "k2", attribute="company.points"),
        make.step("clear_attribute", "k3", attribute="company.note"),
        make.step("copy_attribute", "k4", source="name", attribute="company.note"),
    )
    assert found[person.pk].state == "completed"
    rows = Transition.objects.filter(kind="go")
    assert {row.evidence["skipped"] for row in rows} == {"travels for no company"}


def test_tokens_are_filled_in():
    """A value may name the person, the company, the day."""
    person = make.person(name="Ann", at=make.company(name="Acme"))
    travel(
        [person],
        make.step(
            "set_attribute", "k1", attribute="note", value="{{ person.name }} of {{ company.name }}"
        ),
        make.step("set_attribute", "k2", attribute="since", value="{{ program.today }}"),
    )
    person.refresh_from_db()
    assert person.attributes["note"] == "Ann of Acme"
    assert len(person.attributes["since"]) == 10


def test_a_filled_in_value_that_does_not_fit_fails_that_one_alone():
    """Others go on."""
    good, bad = make.person(name="12"), make.person(name="twelve")
    found = travel(
        [good, bad], make.step("set_attribute", "k1", attribute="points", value="{{ person.name }}")
    )
    assert found[good.pk].state == "completed"
    assert found[bad.pk].state == "failed"
    assert "takes a number" in found[bad.pk].end_reason


def test_cleared_is_unset_and_not_empty():
    """Null, so that “has no value” is true."""
    person = make.person(attributes={"note": "x"})
    travel([person], make.step("clear_attribute", "k1", attribute="note"))
    person.refresh_from_db()
    assert "note" not in person.attributes
    assert AttributeChange.objects.get(name="note").new is None


def test_the_last_in_order_wins_when_several_copy_to_one_company():
    """Stated and stable: as if they had come one after the other."""
    company = make.company()
    people = [make.person(name=name, at=company) for name in ("Ann", "Bob", "Cid")]
    found = travel(
        people, make.step("copy_attribute", "k1", source="name", attribute="company.note")
    )
    company.refresh_from_db()
    assert company.attributes["note"] == "Cid"
    assert [told(found[p.pk]).get("overtaken", False) for p in people] == [True, True, False]


def test_it_copies_from_the_company_too():
    """Back to its people."""
    company = make.company(attributes={"note": "gold"})
    person = make.person(at=company)
    travel([person], make.step("copy_attribute", "k1", source="company.note", attribute="note"))
    person.refresh_from_db()
    assert person.attributes["note"] == "gold"


@pytest.mark.parametrize(("if_unset", "left"), [("keep", {"note": "x"}), ("clear", {})])
def test_an_empty_source(if_unset, left):
    """Leaves the other alone, or clears it, as chosen."""
    person = make.person(attributes={"note": "x"}, persona="")
    travel(
        [person],
        make.step("copy_attribute", "k1", source="persona", attribute="note", if_unset=if_unset),
    )
    person.refresh_from_db()
    assert person.attributes == left


@pytest.mark.parametrize(
    ("kind", "config", "words"),
    [
        ("copy_attribute", {"source": "note", "attribute": "points"}, "does not fit into"),
        ("copy_attribute", {"source": "note", "attribute": "note"}, "onto itself"),
        ("increase_attribute", {"attribute": "note"}, "is no number"),
        ("increase_attribute", {"attribute": "gone"}, "no attribute “gone”"),
        ("clear_attribute", {"attribute": "company.stage"}, "always has a value"),
        ("set_attribute", {"attribute": "note", "value": "{{ person.nix }}"}, "no token"),
    ],
)
def test_publishing_refuses_what_cannot_work(kind, config, words):
    """With a sentence, at the field."""
    document = make.flow(make.step(kind, "k1", **config))
    program = create_program(name="P", type="person", actor=None, document=document)
    with pytest.raises(DomainError, match=words) as caught:
        publish_program(program.pk, actor=None)
    assert caught.value.problems[0].path.startswith("/steps/0/config/")


@pytest.mark.parametrize("change", ["delete", "retype"])
@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("set_attribute", {"attribute": "points", "value": 3}),
        ("copy_attribute", {"source": "points", "attribute": "company.points"}),
        ("clear_attribute", {"attribute": "points"}),
        ("increase_attribute", {"attribute": "points"}),
    ],
)
def test_an_attribute_that_changed_since_publishing_fails_with_a_reason(kind, config, change):
    """Everybody, in a constant number of queries, and they may try again."""
    program = make.program(make.step(kind, "k1", **config))
    person = make.person(at=make.company(), attributes={"points": 1})
    rows = AttributeDefinition.objects.filter(name="points", subject="person")
    rows.delete() if change == "delete" else rows.update(type="date")
    enroll(program.pk, [person.pk], actor=None)
    advance.run_ids(make.ids(Participant.objects.all()))
    found = Participant.objects.get()
    if (kind, change) != ("clear_attribute", "retype"):
        assert found.state == "failed"
        assert "points" in found.end_reason.lower()


def test_people_of_one_company_who_come_at_once_add_up():
    """One batch, one company, a hundred times."""
    company = make.company()
    people = [make.person(at=company) for _ in range(100)]
    travel(people, make.step("increase_attribute", "k1", attribute="company.points", amount=0.1))
    company.refresh_from_db()
    assert company.attributes["points"] == 10


def test_a_sum_that_is_too_large_fails_that_one():
    """The row stays as it was."""
    rich, poor = make.company(arr=10**11), make.company()
    step = make.step("increase_attribute", "k1", attribute="arr", amount=9.5e11)
    found = travel([rich, poor], step, type="company")
    assert found[rich.pk].state == "failed"
    assert found[poor.pk].state == "completed"
    rich.refresh_from_db()
    assert rich.arr == 10**11


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-10_000, 10_000), max_size=12))
def test_increases_are_sums(amounts):
    """Unset counts as 0, below zero is fine, decimals do not drift."""
    with transaction.atomic():
        company = make.company()
        for amount in amounts:
            increase_attribute("company", "points", {company.pk: (amount / 100, 1)})
        company.refresh_from_db()
        assert company.attributes.get("points", 0) == sum(amounts) / 100
        transaction.set_rollback(True)


@pytest.mark.django_db(transaction=True)
def test_a_thousand_increases_at_once_add_up():
    """Eight connections, one company: nobody's increase is lost."""
    company = make.company()

    def work(_):
        try:
            for _ in range(125):
                increase_attribute("company", "points", {company.pk: (1, 1)})
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    company.refresh_from_db()
    assert company.attributes["points"] == 1000
    assert AttributeChange.objects.filter(name="points").count() == 1000


@pytest.mark.django_db(transaction=True)
def test_runs_and_staff_who_write_one_company_at_once():
    """The engine in two connections beside an operation: all steps count, nobody fails."""
    company = make.company()
    people = [make.person(at=company) for _ in range(60)]
    program = make.program(make.step("increase_attribute", "k1", attribute="company.points"))
    enroll(program.pk, make.ids(people), actor=None)
    ids = make.ids(Participant.objects.order_by("pk"))

    def run(part):
        try:
            for participant in part:
                advance.run_ids([participant])
        finally:
            connection.close()

    def write(_):
        try:
            for n in range(20):
                patch_attributes("company", {company.pk: {"note": str(n)}})
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        works = [pool.submit(run, ids[:30]), pool.submit(run, ids[30:]), pool.submit(write, 0)]
        for work in works:
            work.result(60)
    assert Company.objects.get(pk=company.pk).attributes == {"points": 60, "note": "19"}
    assert set(Participant.objects.values_list("state", flat=True)) == {"completed"}

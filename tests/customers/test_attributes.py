"""Attribute values: CUS-01, history, no-ops, bad input."""

import pytest

from csplatform.customers.models import AttributeChange, Company, Person
from csplatform.customers.operations.attributes import patch_attributes
from csplatform.customers.operations.merge import merge_people
from csplatform.freshness.models import Touch
from csplatform.kit.errors import Conflict, DomainError
from tests.customers import make
from tests.customers.race import in_threads

pytestmark = pytest.mark.django_db
CAUSE = {"kind": "test"}


def test_columns_and_declared_attributes_are_set_and_unset_alike():
    make.attribute("seats", "number", subject="company")
    acme = make.company(arr=10, seats=3, tags=["a"], time_zone="Europe/Paris")
    Touch.objects.all().delete()
    changes = patch_attributes(
        "company",
        {
            acme.pk: {
                "arr": "12.50",
                "seats": None,
                "tags": None,
                "time_zone": None,
                "stage": "live",
            }
        },
        cause=CAUSE,
    )
    assert changes == {
        acme.pk: {
            "arr": (10, 12.5),
            "seats": (3, None),
            "tags": (["a"], None),
            "time_zone": ("Europe/Paris", "UTC"),
            "stage": ("trial", "live"),
        }
    }
    acme.refresh_from_db()
    assert (acme.arr, acme.attributes, acme.tags, acme.stage) == (12.5, {}, [], "live")
    history = {c.name: (c.old, c.new, c.cause) for c in AttributeChange.objects.all()}
    assert history["seats"] == (3, None, CAUSE)
    assert set(Touch.objects.values_list("key", flat=True)) == {
        f"attr.{name}" for name in ("arr", "seats", "tags", "time_zone", "stage")
    }


def test_a_no_op_leaves_no_trace():
    make.attribute("vip", "boolean")
    ada = make.person(vip=True, name="Ada")
    Touch.objects.all().delete()
    assert patch_attributes("person", {ada.pk: {"vip": "yes", "name": " Ada "}}, cause=CAUSE) == {
        ada.pk: {}
    }
    assert not Touch.objects.exists()
    assert not AttributeChange.objects.exists()


def test_yes_and_one_are_different_values():
    make.attribute("x", "number")
    ada = make.person(x=1)
    Person.objects.filter(pk=ada.pk).update(attributes={"x": True})
    assert patch_attributes("person", {ada.pk: {"x": 1}}, cause=CAUSE)[ada.pk] == {"x": (True, 1)}


@pytest.mark.parametrize(
    ("patch", "path"),
    [
        ({"nope": 1}, "nope"),
        ({"seats": "many"}, "seats"),
        ({"created_at": "2026-01-01"}, "created_at"),
        ({"language": "x" * 21}, "language"),
        ({"email": "@"}, "email"),
    ],
)
def test_a_bad_value_is_named_and_nothing_is_written(patch, path):
    """REL-03."""
    make.attribute("seats", "number")
    ada, bob = make.person(name="A"), make.person()
    with pytest.raises(DomainError) as caught:
        patch_attributes("person", {ada.pk: {"name": "Z"}, bob.pk: patch}, cause=CAUSE)
    assert [p.path for p in caught.value.problems] == [f"/{bob.pk}/{path}"]
    ada.refresh_from_db()
    assert ada.name == "A"


def test_a_required_name_and_an_unknown_id_are_refused():
    acme = make.company("Acme")
    with pytest.raises(DomainError):
        patch_attributes("company", {acme.pk: {"name": ""}}, cause=CAUSE)
    with pytest.raises(DomainError) as caught:
        patch_attributes("company", {acme.pk: {"name": "B"}, 10**9: {"name": "C"}}, cause=CAUSE)
    assert caught.value.problems[0].path == f"/{10**9}"
    assert Company.objects.get().name == "Acme"


def test_an_address_of_somebody_else_is_refused_by_name():
    ada, bob = make.person("a@x.io"), make.person("b@x.io")
    with pytest.raises(Conflict) as caught:
        patch_attributes("person", {bob.pk: {"email": "A@x.io"}}, cause=CAUSE)
    assert caught.value.problems[0].path == f"/{bob.pk}/email"
    with pytest.raises(Conflict):
        patch_attributes("person", {i: {"email": "n@x.io"} for i in (ada.pk, bob.pk)}, cause=CAUSE)


def test_a_merged_person_stands_for_the_winner():
    winner, loser = make.person(), make.person()
    merge_people(winner.pk, loser.pk, actor=None)
    changes = patch_attributes("person", {loser.pk: {"name": "New"}}, cause=CAUSE)
    assert changes[loser.pk]["name"][1] == "New"
    winner.refresh_from_db()
    assert winner.name == "New"


def test_one_or_a_thousand_cost_the_same_number_of_queries(django_assert_max_num_queries):
    make.attribute("plan")
    people = [make.person().pk]
    people += [
        p.pk for p in Person.objects.bulk_create(Person(email=f"{i}@b.io") for i in range(999))
    ]
    counts = []
    for ids in (people[:1], people):
        with django_assert_max_num_queries(12) as captured:
            patch_attributes("person", {i: {"plan": f"p{len(ids)}"} for i in ids}, cause=CAUSE)
        counts.append(len(captured))
    assert counts[0] == counts[1]
    assert AttributeChange.objects.count() == 1001


@pytest.mark.django_db(transaction=True)
def test_two_writers_of_different_attributes_both_win():
    """Rows are locked in id order, so neither loses a value and neither waits for ever."""
    make.attribute("a", "number")
    make.attribute("b", "number")
    ids = [make.person().pk for _ in range(20)]
    errors = in_threads(
        lambda: [
            patch_attributes("person", {i: {"a": n} for i in ids}, cause=CAUSE) for n in (1, 2)
        ],
        lambda: [
            patch_attributes("person", {i: {"b": n} for i in reversed(ids)}, cause=CAUSE)
            for n in (1, 2)
        ],
    )
    assert errors == []
    assert all(p.attributes == {"a": 2, "b": 2} for p in Person.objects.all())
    assert AttributeChange.objects.count() == 80

"""Cursor paging (API-01): every row once, stable while rows come in, both ways."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from csplatform.customers.models import Person
from tests import factories
from tests.api.conftest import Caller

pytestmark = [pytest.mark.smoke, pytest.mark.django_db]


def walk(api: Caller, path: str, link: str = "next") -> list[list[int]]:
    """Ids of all pages."""
    pages = []
    url: str | None = path
    while url:
        body = api.get(url).json()
        pages.append([row["id"] for row in body["results"]])
        url = body[link]
    return pages


@pytest.mark.parametrize("ordering", ["id", "-id", "name", "-name"])
def test_every_row_comes_once_in_order(api: Caller, ordering: str) -> None:
    """Equal names do not lose or double anybody at the border of a page."""
    Person.objects.bulk_create(
        Person(name=f"Same {n // 10}", email=f"p{n}@example.com") for n in range(25)
    )
    pages = walk(api, f"people/?limit=4&ordering={ordering}")
    ids = [row for page in pages for row in page]
    sign = "-" if ordering.startswith("-") else ""
    assert ids == list(Person.objects.order_by(ordering, f"{sign}id").values_list("pk", flat=True))
    assert [len(page) for page in pages] == [4] * 6 + [1]


def test_the_way_back_shows_the_same_pages(api: Caller) -> None:
    factories.people(10)
    first = api.get("people/?limit=4&ordering=name").json()
    second = api.get(first["next"]).json()
    third = api.get(second["next"]).json()
    assert first["previous"] is None
    assert third["next"] is None
    again = api.get(third["previous"]).json()
    assert again["results"] == second["results"]
    start = api.get(again["previous"]).json()
    assert start["results"] == first["results"]
    assert start["previous"] is None


def test_rows_that_come_in_meanwhile_shift_nobody(api: Caller) -> None:
    factories.people(6)
    before = set(Person.objects.values_list("pk", flat=True))
    first = api.get("people/?limit=3&ordering=-id").json()
    factories.people(5)
    second = api.get(first["next"]).json()
    assert {row["id"] for row in first["results"] + second["results"]} == before


def test_filters_go_along_with_the_links(api: Caller) -> None:
    factories.people(6)
    company = factories.company()
    mine = [factories.person(at=company).pk for _ in range(3)]
    pages = walk(api, f"people/?limit=2&company={company.pk}")
    assert [row for page in pages for row in page] == mine


def test_the_limit_goes_up_to_500(api: Caller) -> None:
    factories.people(510)
    body = api.get("people/?limit=500").json()
    assert len(body["results"]) == 500
    assert len(api.get("people/").json()["results"]) == 50


def test_a_cursor_is_a_place_in_the_index_and_no_offset(api: Caller) -> None:
    factories.people(20)
    link = api.get("people/?limit=5&ordering=name").json()["next"]
    with CaptureQueriesContext(connection) as queries:
        api.get(link)
    assert not [q for q in queries if "OFFSET" in q["sql"]]

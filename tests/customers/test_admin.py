"""The pages of people in the console (ADM-01, CUS-01)."""

from html.parser import HTMLParser

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import company, person, staff

pytestmark = pytest.mark.django_db


class Fields(HTMLParser):
    """What a browser would send for the inputs and chosen options of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self._select = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Inputs by name; a select by its chosen option."""
        found = dict(attrs)
        name = found.get("name") or ""
        if tag == "select":
            self._select = name
        if tag == "option" and "selected" in found and self._select:
            self.values[self._select] = found.get("value") or ""
        ticked = found.get("type") != "checkbox" or "checked" in found
        if tag == "input" and name and ticked:
            self.values[name] = found.get("value") or ""


def test_a_name_is_changed_and_the_companies_stay(client: Client) -> None:
    """CUS-01: the form of a person saves when only one field was touched."""
    client.force_login(staff("program_manager"))
    someone = person(name="Ann")
    acme = company(name="Acme")
    url = reverse("admin:customers_person_change", args=[someone.pk])
    filled = Fields(client.get(url).content.decode()).values
    assert client.post(url, filled | {"name": "Anna"}).status_code == 302
    someone.refresh_from_db()
    assert someone.name == "Anna"
    filled = Fields(client.get(url).content.decode()).values
    filled |= {"memberships-TOTAL_FORMS": "1", "memberships-0-company": str(acme.pk)}
    assert client.post(url, filled).status_code == 302
    filled = Fields(client.get(url).content.decode()).values
    assert client.post(url, filled | {"name": "Hanna"}).status_code == 302
    assert [row.company_id for row in someone.memberships.all()] == [acme.pk]

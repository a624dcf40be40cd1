"""The demo product's site."""

import pytest
from django.test import Client
from django.urls import reverse

from csplatform.customers.models import Source
from tests.engagements.make import person

pytestmark = pytest.mark.django_db


def test_one_signs_in_as_a_demo_person(client: Client) -> None:
    """Foundation 7: sign in as any demo person; the tracker has the site's key."""
    assert client.get("/demo/")["Location"] == "/demo/sign-in/"
    ann = person()
    page = client.get("/demo/sign-in/?q=ann").content.decode()
    assert "Ann Lee" in page
    assert "Nobody was found" in client.get("/demo/sign-in/?q=nobody").content.decode()
    response = client.post("/demo/sign-in/", {"person": ann})
    assert response["Location"] == "/demo/dashboard/"
    for name in ("dashboard", "projects", "reports", "settings"):
        response = client.get(reverse("demo-page", args=[name]))
        page = response.content.decode()
        assert Source.objects.get().write_key in page
        assert '"id": "u-1"' in page
        assert "unsafe" not in response["Content-Security-Policy"]
    assert client.get("/demo/nothing/").status_code == 404
    client.post("/demo/sign-out/")
    assert client.get("/demo/dashboard/")["Location"] == "/demo/sign-in/"


@pytest.mark.parametrize("who", ["", "999", "x", "9" * 30])
def test_nobody_else_gets_in(client: Client, who: str) -> None:
    assert client.post("/demo/sign-in/", {"person": who}).status_code == 200
    client.cookies["demo_person"] = "1:forged"
    assert client.get("/demo/dashboard/").status_code == 302

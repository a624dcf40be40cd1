"""Tracked links and the opening pixel (PRG-90, SEC-02)."""

import re
from html import unescape
from urllib.parse import urlsplit

import pytest
from django.db import DatabaseError

from csplatform.customers.models import Event, EventName
from csplatform.kit.tokens import make_token
from journeys.emails import sender, tracking
from tests import factories as make

pytestmark = pytest.mark.django_db


def events(name):
    found = EventName.objects.filter(name=name).first()
    return list(Event.objects.filter(name_id=found.pk).order_by("id")) if found else []


@pytest.fixture
def sent(smtp, queue):
    """A mail that arrived: its outbox row and the paths of its links and pixel."""
    template = make.mail_template(
        blocks=[
            {
                "kind": "button",
                "label": "A",
                "url": "https://example.com/a?x=1&n={{ person.name }}",
            },
            {"kind": "button", "label": "B", "url": "mailto:help@example.com"},
            {"kind": "button", "label": "C", "url": "https://example.com/c"},
        ]
    )
    message = queue(make.person(name="Ada & Co", at=make.company()), template)
    sender.run_batch()
    html = unescape(smtp.received[0][1].get_body(("html",)).get_content())
    assert "googleapis" not in html  # the layout fetches nothing from strangers
    links = re.findall(r'href="([^"]+)"', html)
    pixel = re.search(r'src="([^"]+\.gif)"', html).group(1)
    return message, links, urlsplit(pixel).path


def test_a_click_leads_to_the_target_and_counts(sent, client):
    message, links, _ = sent
    assert links[1] == "mailto:help@example.com"
    for link in (links[0], links[0], links[2]):
        assert link.startswith("https://cs.example.com/e/c/")
    answer = client.get(urlsplit(links[0]).path)
    assert (answer.status_code, answer["Location"]) == (
        302,
        "https://example.com/a?x=1&n=Ada%20%26%20Co",
    )
    assert client.get(urlsplit(links[2]).path)["Location"] == "https://example.com/c"
    clicks = events("email.clicked")
    assert [(c.person_id, c.ref, c.properties["link"]) for c in clicks] == [
        (message.person_id, message.pk, 0),
        (message.person_id, message.pk, 2),
    ]
    assert clicks[0].company_id is not None


def test_an_opening_counts_once(sent, client):
    message, _, pixel = sent
    for _ in range(3):
        answer = client.get(pixel)
        assert (answer.status_code, answer["Content-Type"]) == (200, "image/gif")
        assert "no-store" in answer["Cache-Control"]
    assert [event.ref for event in events("email.opened")] == [message.pk]


def test_a_look_without_a_body_counts_nothing(sent, client):
    """Link scanners ask for the head only."""
    _, links, pixel = sent
    assert client.head(urlsplit(links[0]).path).status_code == 302
    assert client.head(pixel).status_code == 200
    assert client.post(urlsplit(links[0]).path).status_code == 405
    assert events("email.clicked") == events("email.opened") == []


def test_a_forged_click_goes_nowhere(client):
    """SEC-02: no open redirect."""
    for token in (
        "nonsense",
        "a:b:c",
        make_token("email.open", 5),
        make_token("email.click", [1, 2]),
        make_token("email.click", {"url": "https://example.com"}),
        make_token("email.click", [1, 0, "javascript:alert(1)"]),
        make_token("email.click", ["x", 0, "https://example.com"]),
        make_token("other", [1, 0, "https://example.com"]),
        "x" * 5000,
    ):
        assert client.get(f"/e/c/{token}/").status_code == 404, token
    assert events("email.clicked") == []


def test_a_changed_token_goes_nowhere(sent, client):
    _, links, _ = sent
    path = urlsplit(links[0]).path
    assert client.get(path[:-3] + "xx/").status_code == 404


def test_a_forged_pixel_counts_nothing(client):
    for token in ("1", "x", make_token("email.click", 5), make_token("x", 1)):
        assert client.get(f"/e/o/{token}.gif").status_code == 404


def test_a_mail_that_is_gone_still_leads_on(client):
    token = make_token("email.click", [987654321, 0, "https://example.com/x"])
    assert client.get(f"/e/c/{token}/")["Location"] == "https://example.com/x"
    assert client.get(f"/e/o/{make_token('email.open', 987654321)}.gif").status_code == 200


def test_a_lost_count_does_not_cost_the_page(sent, client, monkeypatch):
    _, links, _ = sent

    def refuse(*args, **kwargs):
        raise DatabaseError("away")

    monkeypatch.setattr(tracking, "record_events", refuse)
    assert client.get(urlsplit(links[0]).path).status_code == 302

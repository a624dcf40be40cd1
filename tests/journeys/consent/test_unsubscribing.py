"""Unsubscribing with one click, preferences, and what is not sent then (PRG-91)."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from csplatform.customers.models import Event, EventName
from csplatform.customers.operations.merge import merge_people
from csplatform.kit.tokens import make_token
from journeys.consent.operations import EVERYTHING, set_preferences
from journeys.consent.tokens import PURPOSE
from journeys.emails import sender
from journeys.models import ConsentChange, MailOptOut
from tests import factories as make

pytestmark = pytest.mark.django_db
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def path_of(mail: Any) -> str:
    """The path in the List-Unsubscribe header."""
    return urlsplit(str(mail["List-Unsubscribe"]).strip("<>")).path


def out_of(person: Any) -> set[Any]:
    """What a person does not want."""
    return set(MailOptOut.objects.filter(person=person).values_list("category_id", flat=True))


def events_of(name: str) -> list[Event]:
    """Recorded events of a name."""
    found = EventName.objects.filter(name=name).first()
    return list(Event.objects.filter(name_id=found.pk)) if found else []


def test_a_mail_carries_both_headers_and_a_visible_link(arrive, tips) -> None:
    """RFC 8058: an HTTPS address and the word that one POST is enough; a link in both bodies."""
    mail = arrive(make.person(), make.mail_template(category=tips))
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    address = str(mail["List-Unsubscribe"]).strip("<>")
    assert address.startswith("https://cs.example.com/u/")
    assert f'href="{address}"' in mail.get_body(("html",)).get_content()
    assert address in mail.get_body(("plain",)).get_content()


def test_operational_mail_has_no_way_out_and_ignores_the_wish(arrive, notices) -> None:
    """It is exempt: no headers, no link, sent to whoever left everything."""
    person = make.person()
    set_preferences(person.pk, {EVERYTHING}, actor=None, source="page")
    mail = arrive(person, make.mail_template(category=notices))
    assert mail["List-Unsubscribe"] is None
    assert "/u/" not in mail.get_body(("html",)).get_content()


def test_one_post_without_login_unsubscribes_and_looking_does_not(arrive, tips) -> None:
    """Scanners follow links; a GET or HEAD changes nothing. Twice is once."""
    person = make.person()
    path = path_of(arrive(person, make.mail_template(category=tips)))
    stranger = Client(enforce_csrf_checks=True)
    assert stranger.get(path).status_code == 200
    assert stranger.head(path).status_code == 200
    assert out_of(person) == set()
    for _ in range(2):
        assert stranger.post(path, ONE_CLICK).status_code == 200
    assert out_of(person) == {tips.pk}
    [event] = events_of("email.unsubscribed")
    assert (event.person_id, event.properties["category"]) == (person.pk, "Product tips")
    [change] = ConsentChange.objects.all()
    assert (change.source, change.opted_out, change.outbox_id) == ("one_click", True, event.ref)


def test_a_mail_without_a_category_stands_for_everything(arrive) -> None:
    """One click out of it is one click out of all."""
    person = make.person()
    Client().post(path_of(arrive(person, make.mail_template())), ONE_CLICK)
    assert out_of(person) == {EVERYTHING}


def test_what_was_left_is_not_sent_and_says_why(arrive, queue, smtp, tips) -> None:
    """Asked again at the moment of sending: the click came while the next mail waited."""
    person = make.person()
    template = make.mail_template(category=tips)
    path = path_of(arrive(person, template))
    waiting, other = (
        queue(person, template, slot="a"),
        queue(person, make.mail_template(), slot="b"),
    )
    Client().post(path, ONE_CLICK)
    sender.run_batch()
    waiting.refresh_from_db()
    other.refresh_from_db()
    assert (waiting.state, waiting.error) == ("cancelled", "Unsubscribed from “Product tips”.")
    assert other.state == "sent"
    set_preferences(person.pk, {EVERYTHING}, actor=None, source="page")
    last = queue(person, make.mail_template(), slot="c")
    sender.run_batch()
    last.refresh_from_db()
    assert (last.state, last.error) == ("cancelled", "Unsubscribed from all mail.")
    assert len(smtp.received) == 2


def test_the_page_chooses_by_category_and_comes_back(arrive, tips, notices, client) -> None:
    """Ticked is wanted; nothing ticked is everything; ticking again comes back."""
    person = make.person(email="ada.l@example.com")
    path = path_of(arrive(person, make.mail_template(category=tips)))
    page = client.get(path).content.decode()
    assert "Product tips" in page
    assert "Your account" not in page
    assert "ada.l@" not in page
    assert "a…@example.com" in page
    client.post(path, {})
    assert out_of(person) == {tips.pk, EVERYTHING}
    client.post(path, {"want": str(tips.pk)})
    assert out_of(person) == set()
    client.post(path, {"everything": "1", "want": str(tips.pk)})
    assert out_of(person) == {EVERYTHING}
    client.post(path, {"again": "1"})
    assert out_of(person) == set()
    assert len(events_of("email.resubscribed")) == 3


def test_a_damaged_link_says_so_and_changes_nothing(client) -> None:
    """SEC-02: nothing is known without a token of our making."""
    foreign = make_token("email.open", 5)
    shapes = [[1], {"person": 1}, [10**15, 1], ["1", 2]]
    for token in ("nonsense", "a:b:c", foreign, *(make_token(PURPOSE, s) for s in shapes)):
        for answer in (client.get(f"/u/{token}/"), client.post(f"/u/{token}/", ONE_CLICK)):
            assert answer.status_code == 404
            assert "This link does not work" in answer.content.decode()
    assert MailOptOut.objects.count() == 0


def test_junk_in_the_form_breaks_nothing(arrive, tips, client) -> None:
    """Unknown and absurd numbers are no wishes."""
    person = make.person()
    path = path_of(arrive(person, make.mail_template(category=tips)))
    wants = ["x", "-1", "9" * 40, "<script>", str(tips.pk)]
    assert client.post(path, {"want": wants}).status_code == 200
    assert out_of(person) == set()


def test_wishes_of_both_survive_a_merge_and_the_old_link_works(arrive, tips, client) -> None:
    """What either did not want, the winner does not want."""
    winner, loser = make.person(), make.person()
    set_preferences(loser.pk, {tips.pk}, actor=None, source="page")
    path = path_of(arrive(loser, make.mail_template()))
    merge_people(winner.pk, loser.pk, actor=None)
    assert out_of(winner) == {tips.pk}
    client.post(path, ONE_CLICK)
    assert out_of(winner) == {tips.pk, EVERYTHING}


def test_who_is_told_on_the_phone_may_say_so(client, tips) -> None:
    """A CSM may, with an audit row; who may only read may not."""
    person = make.person()
    url = f"/admin/journeys/mailoptout/person/{person.pk}/"
    client.force_login(make.staff("read_only"))
    assert client.get(url).status_code == 200
    assert client.post(url, {}).status_code == 403
    client.force_login(make.staff("csm"))
    assert client.post(url, {}).status_code == 302
    assert out_of(person) == {tips.pk}
    assert ConsentChange.objects.get().by is not None

"""Captured mail and its pages (PRG-93, SEC-02)."""

import pytest
from django.core.mail import EmailMultiAlternatives
from django.urls import reverse

from journeys.emails import sender
from journeys.models import CapturedMail
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _captured(settings):
    settings.EMAIL_BACKEND = "journeys.emails.captured.CapturedMailBackend"
    settings.EMAIL_URL = ""
    settings.DEMO = True


def capture(subject="Hello", to="ada@example.com", html="<html><head></head><p>Hi</p></html>"):
    mail = EmailMultiAlternatives(subject, "plain words", "us@example.com", [to])
    mail.attach_alternative(html, "text/html")
    mail.send()
    return CapturedMail.objects.latest("pk")


def test_a_programs_mail_is_captured_with_its_links(queue, client):
    """PRG-93: the demo's mails look like sent ones and their links work."""
    person = make.person(name="Zoë 🌱", email="zoe@example.com")
    template = make.mail_template(
        subject="Grüße, {{ person.name }}",
        sender_name="Team Ω",
        blocks=[{"kind": "button", "label": "Go", "url": "https://example.com/"}],
    )
    message = queue(person, template)
    assert sender.run_batch() == 1
    mail = CapturedMail.objects.get()
    assert (mail.subject, mail.recipients) == ("Grüße, Zoë 🌱", "zoe@example.com")
    assert mail.sender.startswith("Team Ω <")
    assert (mail.person_id, mail.outbox_id) == (person.pk, message.pk)
    assert "/e/c/" in mail.html
    assert "/e/c/" in mail.text
    message.refresh_from_db()
    assert (message.state, message.message_id) == ("sent", mail.message_id)


def test_the_list_searches_and_pages(client, django_assert_max_num_queries):
    for number in range(55):
        capture(f"Number {number}", f"p{number}@example.com")
    with django_assert_max_num_queries(3):
        first = client.get("/mail/").content.decode()
    assert first.count("<li>") == 50
    assert "Older mails" in first
    oldest = CapturedMail.objects.order_by("-pk")[49].pk
    assert client.get(f"/mail/?before={oldest}").content.decode().count("<li>") == 5
    assert client.get("/mail/?q=p7@").content.decode().count("<li>") == 1
    assert client.get("/mail/?q=number 12").content.decode().count("<li>") == 1
    for strange in (
        "'",
        "\\",
        "a & b | !c:*",
        "%00",
        "''''",
        "<x>",
        "-",
        "&before=99999999999999999999",
    ):
        assert client.get(f"/mail/?q={strange}").status_code == 200


def test_an_empty_box_says_what_to_do(client):
    assert "No mail yet" in client.get("/mail/").content.decode()
    assert "Nothing found" in client.get("/mail/?q=zzz").content.decode()


def test_a_mails_html_is_caged(client):
    """SEC-02: whatever a mail holds, it cannot run, submit or read."""
    mail = capture(html="<html><head></head><script>alert(1)</script></html>")
    answer = client.get(reverse("mailbox-html", args=[mail.pk]))
    policy = answer["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-popups ")
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert "default-src 'none'" in policy
    page = client.get(reverse("mailbox-mail", args=[mail.pk])).content.decode()
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    assert "<script>" not in page


@pytest.mark.parametrize("tab", ["mail", "text", "headers", "nonsense"])
def test_each_tab_escapes_what_the_mail_says(client, tab):
    mail = capture("<script>alert(1)</script>", "x@example.com", html="")
    answer = client.get(reverse("mailbox-mail", args=[mail.pk]), {"tab": tab})
    assert answer.status_code == 200
    assert "<script>alert" not in answer.content.decode()


def test_outside_the_demo_only_staff_may_look(client, settings):
    settings.DEMO = False
    mail = capture()
    assert client.get("/mail/").status_code == 302
    assert client.get(reverse("mailbox-html", args=[mail.pk])).status_code == 404
    client.force_login(make.staff("read_only"))
    assert client.get("/mail/").status_code == 200
    assert client.get(reverse("mailbox-html", args=[mail.pk])).status_code == 200


def test_where_mails_really_leave_there_is_no_box(client, settings):
    settings.EMAIL_URL = "smtp://mail.example.com"
    assert client.get("/mail/").status_code == 404


def test_a_mail_that_is_gone_is_404(client):
    assert client.get("/mail/987654321/").status_code == 404
    assert client.get("/mail/987654321/html/").status_code == 404

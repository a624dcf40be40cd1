"""Mail templates and the message desk in the admin (PRG-46, PRG-90, REL-02, ADM-01)."""

import json

import pytest
from django.urls import reverse

from csplatform.accounts.models import AuditEntry
from journeys.emails import sender
from journeys.models import EmailTemplate, Outbox
from tests import factories as make

pytestmark = pytest.mark.django_db
LIST = reverse("admin:journeys_emailtemplate_changelist")
DESK = reverse("admin:journeys_outbox_changelist")
BLOCKS = [{"kind": "text", "text": "Hello {{ person.name }}"}]


@pytest.fixture
def manager(client):
    user = make.staff("program_manager", email="me@example.com")
    client.force_login(user)
    return user


def form(**more):
    return {
        "name": "Welcome", "subject": "Hi {{ person.name }}", "preheader": "", "sender_name": "",
        "reply_to": "", "blocks": json.dumps(BLOCKS), **more,
    }  # fmt: skip


def content(**more):
    return {"subject": "Hi", "preheader": "", "sender_name": "", "reply_to": "", "blocks": BLOCKS,
            "person": None, **more}  # fmt: skip


def post(client, name, body):
    url = reverse(f"admin:journeys_emailtemplate_{name}")
    return client.post(url, json.dumps(body), content_type="application/json")


def test_a_template_is_written_and_changed_with_a_trail(client, manager):
    client.post(LIST + "add/", form())
    template = EmailTemplate.objects.get()
    assert (template.subject, template.blocks) == ("Hi {{ person.name }}", BLOCKS)
    page = reverse("admin:journeys_emailtemplate_change", args=[template.pk])
    assert client.get(page).status_code == 200
    client.post(page, form(subject="Changed"))
    entries = AuditEntry.objects.filter(subject_type="journeys.emailtemplate").order_by("pk")
    assert [(e.verb, e.before, e.after) for e in entries][1] == (
        "template.change",
        {"subject": "Hi {{ person.name }}"},
        {"subject": "Changed"},
    )
    assert entries[0].verb == "template.add"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("subject", "{{ person.nope }}", "There is no token “person.nope”"),
        ("subject", "{{ person.name", "not written right"),
        ("sender_name", "{% x %}", "only tokens like"),
        ("blocks", "[]", "This field is required"),
        ("blocks", "{", "Enter a valid JSON"),
        ("blocks", '{"a": 1}', "Expected a list of blocks"),
        (
            "blocks",
            '[{"kind": "text", "text": "a"}, {"kind": "nope"}]',
            "Block 2: There is",
        ),
        ("blocks", '[{"kind": "button", "label": "x", "url": "javascript:x"}]', "Block 1: A link"),
        (
            "blocks",
            '[{"kind": "text", "text": "{{ company.nope }}"}]',
            "Block 1: There is",
        ),
    ],
)
def test_what_could_not_be_sent_is_not_saved(client, manager, field, value, words):
    """PRG-90, REL-03: the problem stands at its field, nothing is half done."""
    answer = client.post(LIST + "add/", form(**{field: value}))
    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert not EmailTemplate.objects.exists()


def test_the_list_says_who_uses_a_template(client, manager, django_assert_max_num_queries):
    used, idle = make.mail_template(), make.mail_template(name="Idle")
    program = make.program(make.step("send_email", "ml", template=used.pk))
    with django_assert_max_num_queries(14):
        page = client.get(LIST).content.decode()
    assert program.name in page
    assert "no program" in page
    answer = client.post(
        reverse("admin:journeys_emailtemplate_delete", args=[used.pk]), {"post": "yes"}
    )
    assert f"is sent by the program {program.name}" in answer.content.decode()
    assert EmailTemplate.objects.filter(pk=used.pk).exists()
    client.post(reverse("admin:journeys_emailtemplate_delete", args=[idle.pk]), {"post": "yes"})
    assert not EmailTemplate.objects.filter(pk=idle.pk).exists()


def test_a_preview_is_for_a_real_person(client, manager):
    """PRG-46: with the person's values, escaped, and what came out empty."""
    ada = make.person(name="<Ada>", email="ada@example.com")
    body = content(
        subject="For {{ person.name }} of {{ company.name }}",
        blocks=[{"kind": "text", "text": "Dear {{ person.name }}"}],
        person=ada.pk,
    )
    answer = post(client, "preview", body).json()
    assert answer["problems"] == []
    assert (answer["subject"], answer["to"]) == ("For <Ada> of", "ada@example.com")
    assert "Dear &lt;Ada&gt;" in answer["html"]
    assert "Dear <Ada>" in answer["text"]
    assert answer["empty"] == ["company.name"]


def test_a_preview_names_every_problem(client, manager):
    body = content(subject="", blocks=[{"kind": "text", "text": "{{ a.b }}"}, {"kind": "x"}])
    paths = [p["path"] for p in post(client, "preview", body).json()["problems"]]
    assert paths == ["/subject", "/blocks/1/kind"]


BAD = ["[", "[]", '{"blocks": 5}', '{"subject": 5}', '{"person": "x"}', '{"subject": "\\u0000"}']


@pytest.mark.parametrize("body", BAD)
def test_bad_requests_are_answered(client, manager, body):
    """REL-03."""
    for name in ("preview", "send"):
        url = reverse(f"admin:journeys_emailtemplate_{name}")
        answer = client.post(url, body, content_type="application/json")
        assert answer.status_code in (200, 400)
        assert answer.json()["problems"]


def test_send_to_me(client, manager, smtp):
    """PRG-46: unsaved work goes to the one who wrote it."""
    ada = make.person(name="Ada")
    answer = post(client, "send", content(subject="For {{ person.name }}", person=ada.pk))
    assert answer.json() == {"message": "On its way to me@example.com."}
    sender.run_batch()
    [(address, mail)] = smtp.received
    assert (address, mail["Subject"]) == ("me@example.com", "For Ada")
    manager.email = ""
    manager.save()
    assert "no email address" in post(client, "send", content()).json()["problems"][0]["message"]


def test_people_are_found_by_how_they_begin(client, manager):
    make.person(name="Zara One", email="z1@example.com")
    make.person(name="Other", email="zara@example.com")
    make.person(name="Nobody")
    url = reverse("admin:journeys_emailtemplate_people")
    found = client.get(url, {"q": "zara"}).json()["people"]
    assert sorted(p["name"] for p in found) == ["Other", "Zara One"]
    assert len(client.get(url).json()["people"]) == 3


def test_who_may_only_read_changes_nothing(client, queue):
    """SEC-01: a permission check on every door."""
    client.force_login(make.staff("analyst", email="x@example.com"))
    template = make.mail_template()
    message = queue(state="uncertain")
    assert client.get(LIST).status_code == 200
    assert client.get(DESK).status_code == 200
    assert client.get(LIST + "add/").status_code == 403
    assert post(client, "send", content()).status_code == 403
    url = reverse("admin:journeys_emailtemplate_change", args=[template.pk])
    assert client.post(url, form()).status_code == 403
    client.post(reverse("admin:journeys_outbox_do", args=[message.pk]), {"do": "send_again"})
    client.post(DESK, {"action": "send_again_selected", "_selected_action": [message.pk]})
    message.refresh_from_db()
    assert message.state == "uncertain"
    client.logout()
    for name in ("preview", "send", "people"):
        assert client.get(reverse(f"admin:journeys_emailtemplate_{name}")).status_code == 302
    assert client.get(reverse("admin:journeys_outbox_html", args=[message.pk])).status_code == 302


def test_the_desk_lists_and_decides(client, manager, queue, django_assert_max_num_queries):
    """REL-02: uncertain ones stand out and are settled by choice."""
    lost = [queue(state="uncertain", to_address="lost@example.com") for _ in range(2)]
    dead = queue(state="dead", error="550 No such user")
    for _ in range(10):
        queue(state="sent")
    with django_assert_max_num_queries(14):
        page = client.get(DESK).content.decode()
    assert "2 messages may or may not have arrived." in page
    assert "1 message given up." in page
    assert "550 No such user" in page
    assert client.get(DESK, {"state__exact": "uncertain"}).content.decode().count("lost@") == 2
    ids = [lost[0].pk, dead.pk]
    client.post(DESK, {"action": "send_again_selected", "_selected_action": ids})
    client.post(DESK, {"action": "mark_sent_selected", "_selected_action": [lost[1].pk]})
    states = dict(Outbox.objects.filter(pk__in=[*ids, lost[1].pk]).values_list("pk", "state"))
    assert states == {lost[0].pk: "pending", dead.pk: "pending", lost[1].pk: "sent"}


def test_one_message_shows_what_it_said(client, manager, queue, smtp):
    """What went out stays as it was, whatever became of the template and the person."""
    ada = make.person(name="Ada")
    template = make.mail_template()
    message = queue(ada, template)
    frame = reverse("admin:journeys_outbox_html", args=[message.pk])
    assert "Hello Ada" in client.get(frame).content.decode()
    sender.run_batch()
    ada.name = "Zoe"
    ada.save()
    template.blocks = [{"kind": "text", "text": "Something else"}]
    template.save()
    page = client.get(reverse("admin:journeys_outbox_change", args=[message.pk])).content.decode()
    assert "As it was handed over" in page
    answer = client.get(frame)
    assert "Hello Ada" in answer.content.decode()
    assert answer["Content-Security-Policy"].startswith("sandbox")
    template.delete()
    assert "Hello Ada" in client.get(frame).content.decode()


def test_a_decision_on_one_message(client, manager, queue):
    message = queue(state="uncertain", payload={})
    url = reverse("admin:journeys_outbox_do", args=[message.pk])
    assert client.get(url).status_code == 405
    page = reverse("admin:journeys_outbox_change", args=[message.pk])
    assert "Mark as sent" in client.get(page).content.decode()
    client.post(url, {"do": "mark_sent"})
    message.refresh_from_db()
    assert message.state == "sent"
    assert "Nothing to do" in client.post(url, {"do": "nonsense"}, follow=True).content.decode()
    for bad in ("987654321", "x", "9" * 30):
        assert client.get(f"{DESK}{bad}/change/").status_code in (302, 404)

"""Endpoints and their messages in the admin (ADM-01, REL-02, SEC-02)."""

import pytest
from django.urls import reverse

from journeys.admin.message import desk_attention
from journeys.admin.webhook import endpoint_attention
from journeys.models import Outbox, WebhookEndpoint
from journeys.operations.enroll import enroll
from journeys.webhooks import sender
from tests import factories as make

pytestmark = pytest.mark.django_db
LIST = reverse("admin:journeys_webhookendpoint_changelist")
ADD = reverse("admin:journeys_webhookendpoint_add")
DESK = reverse("admin:journeys_outbox_changelist")
SCRIPT = "<script>alert(1)</script>"
FORM = {"name": "CRM", "url": "https://crm.example.com/in", "is_active": "on", "headers": ""}


@pytest.fixture
def manager(client):
    user = make.staff("program_manager")
    client.force_login(user)
    return user


def page_of(name, row):
    return reverse(f"admin:journeys_{name}_change", args=[row.pk])


def html(client, address, **params):
    response = client.get(address, params)
    assert response.status_code == 200, address
    return response.content.decode()


def test_an_empty_list_says_what_to_do(client, manager):
    assert "No webhook endpoints yet" in html(client, LIST)


def test_an_endpoint_is_made_and_its_secret_shown_once(client, manager):
    response = client.post(ADD, FORM | {"headers": "Authorization: Bearer top-secret\nX-A: b"})
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    row = WebhookEndpoint.objects.get()
    secret = response.content.decode().split('id="webhook-secret">')[1].split("<")[0]
    assert secret.startswith("whsec_")
    for address in (
        LIST,
        page_of("webhookendpoint", row),
        reverse("admin:journeys_webhookendpoint_history", args=[row.pk]),
    ):
        text = html(client, address)
        assert secret not in text
        assert "top-secret" not in text
        assert row.sealed_secret not in text
        assert row.sealed_headers not in text
    assert "Some are kept, encrypted" in html(client, page_of("webhookendpoint", row))


def test_what_is_wrong_stands_beside_its_field(client, manager):
    text = client.post(ADD, FORM | {"url": "http://127.0.0.1/"}).content.decode()
    assert "private or reserved network" in text
    text = client.post(ADD, FORM | {"headers": "nonsense"}).content.decode()
    assert "Write each header once" in text
    text = client.post(ADD, FORM | {"headers": "Host: x"}).content.decode()
    assert "The header Host is set by us" in text
    assert not WebhookEndpoint.objects.exists()


def test_changing_keeps_headers_or_removes_them(client, manager):
    row, _ = make.webhook_endpoint(headers={"X-A": "b"})
    page = page_of("webhookendpoint", row)
    client.post(page, FORM | {"name": "New"})
    row.refresh_from_db()
    assert (row.name, bool(row.sealed_headers)) == ("New", True)
    client.post(page, FORM | {"name": "New", "forget_headers": "on"})
    row.refresh_from_db()
    assert row.sealed_headers == ""


def test_rotating_asks_and_shows_the_new_secret_once(client, manager):
    row, old = make.webhook_endpoint()
    page = reverse("admin:journeys_webhookendpoint_rotate", args=[row.pk])
    assert "For 24 hours" in html(client, page)
    response = client.post(page)
    assert "whsec_" in response.content.decode()
    assert old not in response.content.decode()
    assert "no-store" in response["Cache-Control"]


def test_a_try_leads_to_its_message(client, manager, receiver, endpoint):
    page = reverse("admin:journeys_webhookendpoint_try_it", args=[endpoint.pk])
    assert "webhook.test" in html(client, page)
    response = client.post(page, follow=True)
    message = Outbox.objects.get()
    assert response.redirect_chain[-1][0] == page_of("outbox", message)
    sender.run_batch()
    text = html(client, page_of("outbox", message))
    assert "&quot;type&quot;: &quot;webhook.test&quot;" in text
    assert f"msg_{message.pk}" in text


def test_one_in_use_cannot_be_deleted(client, manager):
    row, _ = make.webhook_endpoint()
    program = make.program(make.step("call_webhook", "wh", endpoint=row.pk))
    assert program.name in html(client, LIST)
    delete = reverse("admin:journeys_webhookendpoint_delete", args=[row.pk])
    assert f"called by the program {program.name}" in html(client, delete)
    client.post(delete, {"post": "yes"})
    assert WebhookEndpoint.objects.exists()


def test_readers_look_and_do_not_touch(client):
    row, _ = make.webhook_endpoint()
    client.force_login(make.staff("csm"))
    assert row.name in html(client, LIST)
    for name in ("rotate", "try_it"):
        address = reverse(f"admin:journeys_webhookendpoint_{name}", args=[row.pk])
        assert client.post(address).status_code == 403
    assert client.get(ADD).status_code == 403


def test_the_desk_shows_webhooks_filtered_and_escaped(client, manager, receiver, queue):
    """REL-02: request, last answer, tries, next try; script in every text is inert."""
    receiver.answer = (500, {}, SCRIPT.encode())
    endpoint, _ = make.webhook_endpoint(url=receiver.url(), name=f"CRM {SCRIPT}")
    other, _ = make.webhook_endpoint()
    person = make.person(name=SCRIPT, at=make.company(name=SCRIPT))
    fields = [{"name": SCRIPT, "value": "{{ person.name }}"}]
    message = queue(endpoint, person_id=person.pk, payload={"fields": fields})
    mail = Outbox.objects.create(
        channel="email", created_at=message.created_at, to_address="ada@example.com"
    )
    sender.run_batch()
    listed = html(client, DESK, channel="webhook")
    assert "CRM &lt;script&gt;" in listed
    assert mail.to_address not in listed
    assert mail.to_address in html(client, DESK)
    assert "CRM &lt;script&gt;" in html(client, DESK, endpoint=str(endpoint.pk))
    rows = html(client, DESK, endpoint=str(other.pk))
    assert page_of("outbox", message) not in rows
    assert html(client, DESK, endpoint="nonsense")
    text = html(client, page_of("outbox", message))
    assert "The receiver answered 500." in text
    assert "Next try" in text
    assert text.count("&lt;script&gt;alert(1)") >= 4
    for shown in (
        listed,
        text,
        html(client, LIST),
        html(client, page_of("webhookendpoint", endpoint)),
    ):
        assert SCRIPT not in shown


def test_dead_and_switched_off_ones_are_sent_again(client, manager, receiver, endpoint, queue):
    """REL-02: one by one on its page, many by the list."""
    receiver.answer = (410, {}, b"")
    dead = queue(endpoint)
    sender.run_batch()
    off = queue(endpoint)
    sender.run_batch()
    off.refresh_from_db()
    assert off.state == "cancelled"
    receiver.answer = (200, {}, b"")
    WebhookEndpoint.objects.update(is_active=True)
    assert "Send again" in html(client, page_of("outbox", off))
    client.post(reverse("admin:journeys_outbox_do", args=[off.pk]), {"do": "send_again"})
    client.post(DESK, {"action": "send_again_selected", "_selected_action": [dead.pk]})
    sender.run_batch()
    assert set(Outbox.objects.values_list("state", flat=True)) == {"sent"}


def test_the_home_page_tells_of_what_needs_a_look(client, manager, receiver, endpoint, queue, rf):
    request = rf.get("/")
    request.user = manager
    assert endpoint_attention(request) is None
    receiver.answer = (410, {}, b"")
    queue(endpoint)
    sender.run_batch()
    assert "gone" in endpoint_attention(request).note
    assert desk_attention(request).value == 1
    text = html(client, "/admin/")
    assert "Webhook endpoints" in text


def test_the_feed_of_a_run_leads_to_its_webhook(client, manager, endpoint, run_lanes):
    """PRG-61."""
    program = make.program(make.step("call_webhook", "wh", endpoint=endpoint.pk))
    enroll(program.pk, [make.person().pk], actor=None)
    run_lanes()
    message = Outbox.objects.get()
    run = reverse("admin:journeys_participant_change", args=[message.participant_id])
    assert page_of("outbox", message) in html(client, run)


def test_the_step_has_a_form_in_the_editor(client, manager, endpoint):
    """PRG-10: endpoint as a list of names, fields as rows."""
    fields = [{"name": "a", "value": SCRIPT}]
    program = make.program(
        make.step("call_webhook", "wh", endpoint=endpoint.pk, fields=fields), publish=False
    )
    text = html(client, reverse("admin:journeys_program_flow", args=[program.pk]))
    assert f"Sends “program.step” to “{endpoint.name}”" in text
    assert SCRIPT not in text

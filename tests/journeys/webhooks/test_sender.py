"""The sender of webhooks: at least once, signed, nobody in another one's way (REL-02, PRG-07)."""

import base64
import hashlib
import hmac
import json
import socket
import threading
import time
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from standardwebhooks import Webhook, WebhookVerificationError

from csplatform.customers.attributes import datetime_text
from csplatform.customers.models import Event, EventName, ExternalId
from csplatform.kit.clock import now
from journeys.emails import claims as mail_claims
from journeys.emails.operations import send_again
from journeys.models import Outbox, Participant, Transition, WebhookEndpoint
from journeys.operations.enroll import enroll
from journeys.operations.life import pause_program, resume_program, stop_program
from journeys.webhooks import claims, schedule, sender
from journeys.webhooks.operations import rotate_secret, send_test
from tests import factories as make
from tests.kit.receiver import raw_server

pytestmark = pytest.mark.django_db


def events(name):
    found = EventName.objects.filter(name=name).first()
    return list(Event.objects.filter(name_id=found.pk)) if found else []


def again():
    """All that waits is due now."""
    Outbox.objects.filter(state="pending").update(due_at=now())
    WebhookEndpoint.objects.update(paused_until=None)


def verify(secret, got):
    """An independent verifier in a few lines."""
    signed = b".".join(
        [got.headers["webhook-id"].encode(), got.headers["webhook-timestamp"].encode(), got.body]
    )
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mine = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return mine in got.headers["webhook-signature"].split(" ")


def call_step(endpoint, **more):
    return make.step("call_webhook", "call", name="Tell the CRM", endpoint=endpoint.pk, **more)


def test_a_step_sends_a_signed_message(receiver, endpoint, run_lanes):
    """PRG-07, API-01: the body names program, step, run, person, company and fields."""
    acme = make.company(name="Acme", external_id="A1", domains=["acme.example"])
    ada = make.person(at=acme, name="Ada Lovelace", email="ada@example.com")
    ExternalId.objects.create(person=ada, value="u1")
    fields = [{"name": "hello", "value": "Hi {{ person.first_name }} at {{ company.name }} ü"}]
    step = call_step(endpoint, event_type="account.at_risk", fields=fields)
    program = make.program(step, make.step("exit", "end"))
    enroll(program.pk, [ada.pk], actor=None)
    run_lanes()
    message = Outbox.objects.get()
    assert (message.channel, message.slot, message.state) == ("webhook", "webhook", "sent")
    [got] = receiver.got
    run = Participant.objects.get()
    entered_at = datetime_text(run.entered_at)
    assert (got.method, got.path, got.headers["content-type"]) == (
        "POST", "/hook", "application/json",
    )  # fmt: skip
    assert got.headers["webhook-id"] == f"msg_{message.pk}" == message.message_id
    assert verify(endpoint.told, got)
    assert Webhook(endpoint.told).verify(got.body, got.headers)
    _, secret = make.webhook_endpoint()
    assert not verify(secret, got)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(got.body, got.headers)
    assert got.json["type"] == "account.at_risk"
    assert got.json["timestamp"] == message.created_at.isoformat()
    assert got.json["data"] == {
        "program": {"id": program.pk, "name": program.name},
        "step": {"key": "call", "name": "Tell the CRM"},
        "participant": {
            "id": run.pk, "context_id": "", "entered_at": entered_at,
        },
        "person": {
            "id": ada.pk, "name": "Ada Lovelace", "email": "ada@example.com",
            "external_ids": {"user_id": "u1"},
        },
        "company": {
            "id": acme.pk, "name": "Acme", "external_id": "A1", "domains": ["acme.example"],
        },
        "fields": {"hello": "Hi Ada at Acme ü"},
    }  # fmt: skip
    [delivered] = events("webhook.delivered")
    assert (delivered.person_id, delivered.ref) == (ada.pk, message.pk)
    assert message.payload["answer"]["status"] == 200
    assert message.payload["answer"]["text"] == "ok"
    assert sender.run_batch() == 0
    assert len(receiver.got) == 1


def test_company_programs_call_too(receiver, endpoint, run_lanes):
    """PRG-07: the company travels; there is no person in it."""
    acme = make.company(name="Acme")
    wait = make.step(
        "conditional_wait", "cw", amount=3, unit="days",
        conditions=[{"type": "event", "step": "call", "event": "delivered"}],
        exits={"met": [], "not_met": []},
    )  # fmt: skip
    program = make.program(call_step(endpoint), wait, type="company")
    enroll(program.pk, [acme.pk], actor=None)
    run_lanes()
    [got] = receiver.got
    assert got.json["data"]["person"] is None
    assert got.json["data"]["company"]["name"] == "Acme"
    assert Participant.objects.get().state == "completed"


@pytest.mark.parametrize(("status", "event"), [(200, "delivered"), (410, "failed")])
def test_a_wait_below_hears_how_it_ended(receiver, endpoint, run_lanes, status, event):
    """PRG-06: delivered, or given up; ref is the message."""
    receiver.answer = (status, {}, b"")
    conditions = [{"type": "event", "step": "call", "event": event}]
    wait = make.step(
        "conditional_wait", "cw", amount=3, unit="days", conditions=conditions,
        exits={"met": [], "not_met": []},
    )  # fmt: skip
    program = make.program(call_step(endpoint), wait)
    enroll(program.pk, [make.person().pk], actor=None)
    run_lanes()
    assert Participant.objects.get().state == "completed"
    assert Transition.objects.filter(exit="met").count() == 1


def test_retries_are_byte_identical_under_one_id(receiver, endpoint, queue):
    """REL-02: only the time of the attempt, and with it the signature, differ."""
    receiver.answer = (500, {}, b"<b>broken</b>")
    person = make.person(name="Before")
    message = queue(
        endpoint, person_id=person.pk,
        payload={"fields": [{"name": "n", "value": "{{ person.name }}"}]},
    )  # fmt: skip
    assert sender.run_batch() == 1
    message.refresh_from_db()
    assert (message.state, message.attempts, message.worker) == ("pending", 1, None)
    assert message.error == "The receiver answered 500."
    assert message.payload["answer"]["text"] == "<b>broken</b>"
    assert 4 < (message.due_at - now()).total_seconds() < 7
    person.name = "After"
    person.save()
    receiver.answer = (204, {}, b"")
    assert sender.run_batch() == 0
    again()
    sender.run_batch()
    first, second = receiver.got
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    message.refresh_from_db()
    assert (message.state, message.attempts, message.error) == ("sent", 2, "")


def test_after_the_last_attempt_it_is_given_up(receiver, endpoint, queue):
    """REL-02: listed with the reason, and whoever waits for it hears of it."""
    receiver.answer = (500, {}, b"")
    message = queue(endpoint, person_id=make.person().pk)
    for attempt in range(schedule.MAX_ATTEMPTS):
        message.refresh_from_db()
        assert (message.state, message.attempts) == ("pending", attempt)
        again()
        sender.run_batch()
    message.refresh_from_db()
    assert (message.state, message.attempts) == ("dead", 10)
    assert message.error == "The receiver answered 500."
    assert len(receiver.got) == 10
    receiver.answer = (200, {}, b"")
    WebhookEndpoint.objects.update(paused_until=None)
    assert send_again([message.pk], actor=None) == 1
    sender.run_batch()
    message.refresh_from_db()
    assert message.state == "sent"
    assert len({(got.headers["webhook-id"], got.body) for got in receiver.got}) == 1


def test_410_switches_the_endpoint_off_and_cancels_what_waits(receiver, endpoint, queue):
    receiver.answer = (410, {}, b"")
    first = queue(endpoint)
    sender.run_batch()
    second = queue(endpoint)
    sender.run_batch()
    endpoint.refresh_from_db()
    assert not endpoint.is_active
    assert "410" in endpoint.off_reason
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == ("dead", "cancelled")
    assert second.error == "The endpoint is switched off."
    assert len(receiver.got) == 1
    WebhookEndpoint.objects.update(is_active=True)
    receiver.answer = (200, {}, b"")
    assert send_again([first.pk, second.pk], actor=None) == 2
    sender.run_batch()
    assert set(Outbox.objects.values_list("state", flat=True)) == {"sent"}


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured(receiver, endpoint, queue, status):
    """In seconds; nothing else is sent there meanwhile."""
    receiver.answer = (status, {"Retry-After": "120"}, b"")
    message, other = queue(endpoint), queue(endpoint, due_at=now() + timedelta(seconds=0.2))
    sender.run_batch()
    message.refresh_from_db()
    endpoint.refresh_from_db()
    assert 115 < (message.due_at - now()).total_seconds() < 125
    assert 115 < (endpoint.paused_until - now()).total_seconds() < 121
    time.sleep(0.3)
    assert not sender.pending()
    assert sender.run_batch() == 0
    other.refresh_from_db()
    assert other.attempts == 0


def test_a_redirect_is_not_followed_and_counts_as_failure(receiver, endpoint, queue):
    """SEC-02."""
    receiver.answer = (302, {"Location": "http://169.254.169.254/"}, b"")
    message = queue(endpoint)
    sender.run_batch()
    message.refresh_from_db()
    assert (message.state, message.error) == ("pending", "The receiver answered 302.")


def test_a_closed_address_is_refused_with_a_sentence(receiver, endpoint, queue, settings):
    """SEC-02: what was opened when the endpoint was made may be closed when it is used."""
    settings.OUTBOUND_ALLOW = []
    settings.OUTBOUND_PORTS = [receiver.port]
    message = queue(endpoint)
    sender.run_batch()
    message.refresh_from_db()
    assert "private or reserved network" in message.error
    assert receiver.got == []


def test_a_rotated_secret_is_good_for_a_day(receiver, endpoint, queue):
    """API-01: two signatures, so that the receiver can change over."""
    old = endpoint.told
    _, new = rotate_secret(endpoint.pk, actor=None)
    queue(endpoint)
    sender.run_batch()
    [got] = receiver.got
    assert len(got.headers["webhook-signature"].split(" ")) == 2
    for secret in (old, new):
        assert verify(secret, got)
        assert Webhook(secret).verify(got.body, got.headers)
    WebhookEndpoint.objects.update(old_secret_until=now() - timedelta(seconds=1))
    queue(endpoint)
    sender.run_batch()
    assert (verify(new, receiver.got[1]), verify(old, receiver.got[1])) == (True, False)


def test_a_line_cut_after_the_body_is_sent_again(open_receiver, queue, settings):
    """REL-02: nobody knows whether it arrived; the receiver tells a repetition by its id."""
    bodies = []

    def cut(line):
        bodies.append(line.recv(65536))
        line.shutdown(socket.SHUT_RDWR)

    with raw_server(cut) as port:
        settings.OUTBOUND_ALLOW = [f"127.0.0.1:{port}"]
        endpoint, _ = make.webhook_endpoint(url=f"http://127.0.0.1:{port}/")
        message = queue(endpoint)
        sender.run_batch()
    message.refresh_from_db()
    assert (message.state, message.attempts) == ("pending", 1)
    assert "broke" in message.error
    assert f"webhook-id: msg_{message.pk}".encode() in bodies[0]


def test_what_a_dead_sender_had_begun_is_sent_again_with_the_same_id(receiver, endpoint, queue):
    """REL-01, REL-02."""
    message, claimed = queue(endpoint), queue(endpoint)
    worker = 4_711  # the key of a lock that nobody holds
    claims.claim(worker, now(), room=8)
    rows = [{"id": message.pk, "address": "x", "subject": "y", "kept": {"body": '{"a":1}'}}]
    assert claims.begin(worker, rows) == {message.pk}
    assert sender.pending()
    assert sender.sweep() == 1
    message.refresh_from_db()
    claimed.refresh_from_db()
    assert (message.state, message.attempts, message.worker) == ("pending", 1, None)
    assert (claimed.state, claimed.worker) == ("pending", None)
    sender.run_batch()
    got = {item.headers["webhook-id"]: item.body for item in receiver.got}
    assert got[f"msg_{message.pk}"] == b'{"a":1}'
    assert len(got) == 2


def test_a_hanging_receiver_delays_nobody_else(open_receiver, queue, monkeypatch):
    """REL-02: not within a batch, and not what comes in while it hangs."""
    slow, quick = open_receiver(hang=True), open_receiver()
    slow_end, _ = make.webhook_endpoint(url=slow.url())
    quick_end, _ = make.webhook_endpoint(url=quick.url())
    for _ in range(20):
        queue(slow_end)
    first = queue(quick_end)
    began = time.monotonic()
    times = {}
    real = sender.finish

    def noted(call, *args, **more):
        times[call.id] = time.monotonic() - began
        real(call, *args, **more)
        if call.id == first.pk:
            late.append(queue(quick_end))
        elif late and call.id == late[0].pk:
            slow.release.set()

    late = []
    monkeypatch.setattr(sender, "finish", noted)
    sender.run_batch()
    assert times[first.pk] < 2
    assert times[late[0].pk] < 3
    assert len(quick.got) == 2


def test_one_batch_ends_in_time(open_receiver, queue, monkeypatch):
    monkeypatch.setattr(sender, "REQUEST_SECONDS", 0.5)
    monkeypatch.setattr(sender, "BATCH_SECONDS", 1.0)
    monkeypatch.setattr(sender, "LEAST_SECONDS", 0.1)
    receiver = open_receiver(hang=True)
    endpoint, _ = make.webhook_endpoint(url=receiver.url())
    messages = [queue(endpoint) for _ in range(30)]
    began = time.monotonic()
    sender.run_batch()
    assert time.monotonic() - began < 2.5
    message = Outbox.objects.order_by("pk").first()
    assert (message.pk, message.attempts) == (messages[0].pk, 1)
    assert "did not answer in time" in message.error


def test_an_attempt_that_we_cut_short_is_nobodys_fault(open_receiver, queue, monkeypatch):
    monkeypatch.setattr(sender, "BATCH_SECONDS", 0.6)
    monkeypatch.setattr(sender, "LEAST_SECONDS", 0.1)
    receiver = open_receiver(hang=True)
    endpoint, _ = make.webhook_endpoint(url=receiver.url())
    message = queue(endpoint)
    sender.run_batch()
    message.refresh_from_db()
    endpoint.refresh_from_db()
    assert (message.state, message.attempts, endpoint.failures) == ("pending", 0, 0)


def test_a_failing_endpoint_rests_and_burns_no_attempts(receiver, endpoint, queue):
    """REL-02: five failures in a row; then one message a time looks whether it is better."""
    receiver.answer = (500, {}, b"")
    for _ in range(30):
        queue(endpoint)
    sender.run_batch()
    endpoint.refresh_from_db()
    assert len(receiver.got) == claims.AT_ONCE
    assert endpoint.failures == claims.AT_ONCE
    assert 50 < (endpoint.paused_until - now()).total_seconds() < 61
    assert Outbox.objects.filter(attempts=0).count() == 30 - claims.AT_ONCE
    assert not sender.pending()
    assert sender.run_batch() == 0
    WebhookEndpoint.objects.update(paused_until=now() - timedelta(seconds=1))
    sender.run_batch()
    endpoint.refresh_from_db()
    assert len(receiver.got) == claims.AT_ONCE + 1
    assert 110 < (endpoint.paused_until - now()).total_seconds() < 121
    receiver.answer = (200, {}, b"")
    WebhookEndpoint.objects.update(paused_until=now() - timedelta(seconds=1))
    while sender.run_batch():
        pass
    endpoint.refresh_from_db()
    assert (endpoint.failures, endpoint.rests, endpoint.paused_until) == (0, 0, None)
    assert Outbox.objects.filter(state="sent").count() >= 30 - claims.AT_ONCE - 1


def test_one_at_most_so_many_at_the_same_time(open_receiver, queue):
    """The receiver's own machine matters too."""
    together, most = [], []

    def answer(handler, got):
        together.append(1)
        most.append(len(together))
        time.sleep(0.1)
        together.pop()
        return 200, {}, b""

    receiver = open_receiver(answer=answer)
    endpoint, _ = make.webhook_endpoint(url=receiver.url())
    for _ in range(30):
        queue(endpoint)
    assert sender.run_batch() == 30
    assert max(most) <= claims.AT_ONCE
    assert Outbox.objects.filter(state="sent").count() == 30


def test_stopped_programs_cancel_and_paused_ones_put_off(receiver, endpoint, run_lanes):
    """PRG-45: asked once more at sending."""
    person = make.person()
    wait = make.step("wait_timer", "wt", amount=3, unit="days")
    program = make.program(call_step(endpoint), wait)
    enroll(program.pk, [person.pk], actor=None)
    run_lanes("live", "bulk")
    pause_program(program.pk, actor=None)
    assert sender.run_batch() == 1
    message = Outbox.objects.get()
    assert (message.state, message.error) == ("pending", "The program is paused.")
    assert message.due_at > now()
    resume_program(program.pk, actor=None)
    stop_program(program.pk, actor=None)
    sender.run_batch()
    message.refresh_from_db()
    assert (message.state, receiver.got) == ("cancelled", [])
    assert send_again([message.pk], actor=None) == 0


def test_a_removed_participant_and_an_erased_person_are_not_told_of(receiver, endpoint, queue):
    """CUS: nothing of somebody who was erased leaves any more."""
    erased = make.person()
    erased.erased_at = now()
    erased.save()
    gone = queue(endpoint, person_id=erased.pk)
    removed = queue(endpoint, participant_id=999_999, person_id=make.person().pk)
    sender.run_batch()
    for message in (gone, removed):
        message.refresh_from_db()
        assert message.state == "cancelled"
    assert receiver.got == []


def test_a_try_by_hand_goes_out_once_even_when_off(receiver, endpoint):
    WebhookEndpoint.objects.update(is_active=False)
    message = send_test(endpoint.pk, actor=None)
    sender.run_batch()
    message.refresh_from_db()
    assert message.state == "sent"
    assert receiver.got[0].json["type"] == "webhook.test"
    assert events("webhook.delivered") == []
    receiver.answer = (500, {}, b"")
    message = send_test(endpoint.pk, actor=None)
    sender.run_batch()
    message.refresh_from_db()
    assert (message.state, message.error) == ("dead", "The receiver answered 500.")


def test_extra_headers_travel_and_secrets_stay_out_of_logs(receiver, queue, caplog):
    """SEC-02."""
    headers = {"Authorization": "Bearer top-secret", "X-Team": "cs"}
    endpoint, secret = make.webhook_endpoint(url=receiver.url(), headers=headers)
    receiver.answer = (500, {}, b"")
    queue(endpoint)
    with caplog.at_level(0):
        sender.run_batch()
    assert receiver.got[0].headers["authorization"] == "Bearer top-secret"
    assert receiver.got[0].headers["x-team"] == "cs"
    told = caplog.text + "".join(str(vars(record)) for record in caplog.records)
    assert "top-secret" not in told
    assert secret.removeprefix("whsec_") not in told
    row = WebhookEndpoint.objects.get()
    assert "top-secret" not in str(vars(row))
    assert secret not in str(vars(row))


def test_another_secret_key_burns_no_attempts(receiver, endpoint, queue, settings):
    """OPS: the message waits with the reason until somebody rotates the secret."""
    message = queue(endpoint)
    settings.SECRET_KEY = "another" * 10
    sender.run_batch()
    message.refresh_from_db()
    assert (message.state, message.attempts) == ("pending", 0)
    assert "SECRET_KEY" in message.error


def test_a_batch_costs_the_same_number_of_reads_for_one_and_for_eight(receiver, endpoint, queue):
    def cost(count):
        for _ in range(count):
            queue(endpoint, person_id=make.person(at=make.company()).pk)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            sender.run_batch()
        found = [q["sql"] for q in queries if q["sql"].startswith('SELECT "')]
        return len(found)

    cost(1)
    assert cost(1) == cost(8)


def test_threads_open_no_database_connection(receiver, endpoint, queue, monkeypatch):
    """Network in threads, the database in one."""
    seen = []
    real = connection.ensure_connection

    def watched():
        seen.append(threading.current_thread() is threading.main_thread())
        return real()

    monkeypatch.setattr(connection, "ensure_connection", watched)
    for _ in range(5):
        queue(endpoint)
    sender.run_batch()
    assert all(seen)


def test_the_claims_use_the_index_of_their_channel(endpoint, queue):
    """Both channels: nobody reads the other one's queue."""
    Outbox.objects.bulk_create(
        Outbox(channel=channel, payload={"endpoint": endpoint.pk + n % 50}, due_at=now(),
               created_at=now())
        for channel in ("email", "webhook") for n in range(3_000)
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE journeys_outbox")
        cursor.execute("ANALYZE journeys_webhookendpoint")
        cursor.execute("SET LOCAL enable_seqscan = off")

        def plan(statement, params):
            cursor.execute("EXPLAIN " + statement, params)
            return "\n".join(row[0] for row in cursor.fetchall())

        mine = plan(claims._CLAIM, {"worker": 1, "now": now(), "room": 8, "busy": [], "cancel": 9})
        mails = plan(mail_claims._CLAIM, {"worker": 1, "now": now(), "limit": 100})
    assert "outbox_webhooks_due" in mine
    assert "Sort Key: journeys_outbox" not in mine
    assert "outbox_due" in mails
    assert "Index Cond: (((channel)::text = 'email'::text) AND (due_at <=" in mails


def test_bodies_are_json_whatever_people_are_called(receiver, endpoint, queue):
    name = '</script> " \\ \u2028 🎉 {{ person.email }}'
    person = make.person(name=name)
    queue(
        endpoint, person_id=person.pk,
        payload={"fields": [{"name": "n", "value": "{{ person.name }}"}]},
    )  # fmt: skip
    sender.run_batch()
    assert json.loads(receiver.got[0].body)["data"]["fields"] == {"n": name}

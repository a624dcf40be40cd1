"""Webhook endpoints over HTTP: secrets go out once, headers never (API-01, SEC-02)."""

import json

import pytest

from csplatform.api.models import RememberedAnswer
from csplatform.kit.clock import now
from journeys.models import Outbox, WebhookEndpoint
from tests import factories
from tests.api.conftest import problems

pytestmark = pytest.mark.django_db
CRM = {"name": "CRM", "url": "https://crm.example.com/in", "headers": {"X-Key": "top-secret"}}


def test_a_secret_is_answered_once_and_headers_never(api):
    made = api.post("webhook-endpoints/", CRM)
    assert made.status_code == 201
    assert made["Cache-Control"] == "no-store"
    secret = made.json()["secret"]
    assert secret.startswith("whsec_")
    row = WebhookEndpoint.objects.get()
    page = f"webhook-endpoints/{row.pk}/"
    answers = [
        made.content.replace(secret.encode(), b""),
        api.get("webhook-endpoints/").content,
        api.get(page).content,
        api.patch(page, {"name": "New"}).content,
        api.post(f"{page}test/").content,
        api.get("messages/").content,
        api.get("audit-entries/").content,
        api.get(f"messages/{Outbox.objects.get().pk}/").content,
    ]
    for answer in answers:
        text = answer.decode()
        for hidden in (secret, "top-secret", row.sealed_secret, row.sealed_headers, "sealed"):
            assert hidden not in text
    found = api.get(page).json()
    assert (found["name"], found["has_headers"], found["is_active"]) == ("New", True, True)
    rotated = api.post(f"{page}rotate-secret/").json()
    assert rotated["secret"] not in ("", secret)
    assert rotated["old_secret_until"]


def test_answers_with_secrets_are_not_remembered(api):
    """SEC-02: remembered answers lie in the database in the clear."""
    row, _ = factories.webhook_endpoint()
    for path, body in (("", CRM), (f"{row.pk}/rotate-secret/", None)):
        answer = api.post(f"webhook-endpoints/{path}", body, **{"Idempotency-Key": "k"})
        assert answer.status_code == 400
        assert problems(answer) == {"Idempotency-Key": "idempotency_key"}
    assert not RememberedAnswer.objects.exists()
    tried = api.post(f"webhook-endpoints/{row.pk}/test/", None, **{"Idempotency-Key": "k"})
    assert tried.status_code == 202


def test_what_is_wrong_has_a_path(api):
    bad = {"name": "", "url": "https://a.example/"}
    assert problems(api.post("webhook-endpoints/", bad)) == {"/name": "blank"}
    bad = {"name": "A", "url": "http://169.254.169.254/"}
    assert problems(api.post("webhook-endpoints/", bad)) == {"/url": "url"}
    bad = {"name": "A", "url": "https://a.example/", "headers": {"Host": "x"}}
    assert problems(api.post("webhook-endpoints/", bad)) == {"/headers": "header"}
    bad = {"name": "A", "url": "https://a.example/", "secret": "whsec_mine"}
    assert problems(api.post("webhook-endpoints/", bad)) == {"/secret": "unknown"}
    factories.webhook_endpoint(name="A")
    taken = api.post("webhook-endpoints/", {"name": "A", "url": "https://a.example/"})
    assert (taken.status_code, problems(taken)) == (409, {"/name": "taken"})


def test_filters(api):
    on, _ = factories.webhook_endpoint(name="Alpha")
    off, _ = factories.webhook_endpoint(name="Beta", is_active=False)

    def found(query):
        return [row["id"] for row in api.get(f"webhook-endpoints/?{query}").json()["results"]]

    assert found("is_active=true") == [on.pk]
    assert found("is_active=false") == [off.pk]
    assert found("search=bet") == [off.pk]
    assert api.get("webhook-endpoints/?url=x").status_code == 400


def test_one_in_use_is_a_conflict(api):
    row, _ = factories.webhook_endpoint()
    factories.program(factories.step("call_webhook", "wh", endpoint=row.pk))
    answer = api.delete(f"webhook-endpoints/{row.pk}/")
    assert (answer.status_code, problems(answer)) == (409, {"": "in_use"})
    other, _ = factories.webhook_endpoint()
    assert api.delete(f"webhook-endpoints/{other.pk}/").status_code == 204


def test_messages_show_body_and_answer_and_are_sent_again(api):
    """REL-02: over HTTP as on the desk."""
    answer = {"status": 500, "text": "<b>no</b>", "error": "", "at": now().isoformat()}
    payload = {"endpoint": 1, "type": "a", "body": '{"type":"a"}', "answer": answer}
    rows = [
        Outbox.objects.create(channel="webhook", state="dead", payload=payload, created_at=now()),
        Outbox.objects.create(
            channel="webhook", state="cancelled", payload=payload | {"may_resend": True},
            created_at=now(),
        ),
        Outbox.objects.create(
            channel="webhook", state="cancelled", payload=payload, created_at=now()
        ),
    ]  # fmt: skip
    listed = api.get("messages/?channel=webhook").json()["results"]
    assert listed[0]["body"] == '{"type":"a"}'
    assert listed[0]["answer"]["status"] == 500
    assert json.loads(listed[0]["body"]) == {"type": "a"}
    again = api.post("messages/send-again/", {"ids": [row.pk for row in rows]})
    assert again.json() == {"count": 2}
    rows[2].refresh_from_db()
    assert rows[2].state == "cancelled"

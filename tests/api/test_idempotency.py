"""Idempotency keys (API-01): a repeated request works once and is answered alike."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection

from csplatform.api.idempotency import purge
from csplatform.api.models import RememberedAnswer
from csplatform.customers.models import Event
from csplatform.kit.clock import now
from csplatform.segments.models import Segment
from tests import factories
from tests.api.conftest import Caller, make_key, problems

KEY = {"Idempotency-Key": "import 2026-01-31 #4"}


@pytest.mark.django_db
def test_a_repeated_request_gets_the_first_answer_and_does_nothing(api: Caller) -> None:
    first = api.post("segments/", {"name": "A"}, **KEY)
    again = api.post("segments/", {"name": "A"}, **KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first
    assert Segment.objects.count() == 1


@pytest.mark.django_db
def test_the_same_key_with_another_request_is_a_conflict(api: Caller) -> None:
    api.post("segments/", {"name": "A"}, **KEY)
    for path, body in (("segments/", {"name": "B"}), ("segments/preview/", {"name": "A"})):
        response = api.post(path, body, **KEY)
        assert response.status_code == 409
        assert problems(response) == {"Idempotency-Key": "idempotency_key"}
    assert Segment.objects.count() == 1


@pytest.mark.django_db
def test_another_caller_has_keys_of_its_own(caller: Callable[..., Caller]) -> None:
    assert caller().post("segments/", {"name": "A"}, **KEY).status_code == 201
    assert caller().post("segments/", {"name": "B"}, **KEY).status_code == 201
    assert Segment.objects.count() == 2


@pytest.mark.django_db
def test_what_failed_may_be_tried_again_with_the_same_key(api: Caller) -> None:
    assert api.post("segments/", {"name": ""}, **KEY).status_code == 400
    assert api.post("segments/", {"name": "A"}, **KEY).status_code == 201
    assert RememberedAnswer.objects.count() == 1


@pytest.mark.django_db
def test_answers_are_kept_for_a_day(api: Caller) -> None:
    api.post("segments/", {"name": "A"}, **KEY)
    RememberedAnswer.objects.update(created_at=now() - timedelta(hours=25))
    response = api.post("segments/", {"name": "A"}, **KEY)
    assert problems(response) == {"/name": "taken"}  # really tried again
    RememberedAnswer.objects.update(created_at=now() - timedelta(hours=25))
    assert purge() == 1
    assert not RememberedAnswer.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", "x" * 201, "a\tb", "\x7f"])
def test_a_key_that_is_none_gets_400(api: Caller, key: str) -> None:
    response = api.post("segments/", {"name": "A"}, **{"Idempotency-Key": key})
    assert response.status_code == 400
    assert not Segment.objects.exists()


@pytest.mark.django_db
def test_a_body_that_is_no_json_gets_400_with_a_key_too(api: Caller) -> None:
    response = api.client.post(
        "/api/v1/segments/", data=b"{", content_type="application/json",
        headers={**api.headers, **KEY},
    )  # fmt: skip
    assert response.status_code == 400


@pytest.mark.django_db(transaction=True)
def test_two_at_the_same_moment_work_once() -> None:
    """The second waits for the first and gets its answer."""
    key = make_key(factories.staff())
    person = factories.person()
    body = {"events": [{"name": "report.made", "person_id": person.pk}]}
    answers = []
    start = threading.Barrier(4)

    def send() -> None:
        start.wait()
        answers.append(Caller(key).post("events/", body, **KEY))
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [201] * 4
    assert all(answer.json() == answers[0].json() for answer in answers)
    assert Event.objects.count() == 1

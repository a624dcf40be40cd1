"""Bad input of any kind: a 4xx in one shape, nothing half done (REL-03, API-01)."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from csplatform.accounts.models import AuditEntry
from csplatform.customers.models import Company, Person
from csplatform.segments.models import Segment
from tests import factories
from tests.api.conftest import Caller, problems

pytestmark = pytest.mark.django_db

HUGE = "9" * 5000


def raw(api: Caller, path: str, body: bytes | str, content_type: str = "application/json") -> Any:
    """POST a body as it is."""
    return api.client.post(
        f"/api/v1/{path}", data=body, content_type=content_type, headers=api.headers
    )


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"{", ""),
        (b"", "/name"),
        (b"\xff\xfe", ""),
        (b'{"name": NaN}', ""),
        (b'{"name": 1e999}', "/name"),
        (b'{"name": ' + HUGE.encode() + b"}", ""),
        (b'{"name": 99999999999999999999999}', "/name"),
        (b'{"name": "a\\u0000b"}', "/name"),
        (b'{"name": "\\ud800"}', "/name"),
        (b'{"a\\u0000": 1}', ""),
        (b"[" * 100_000, ""),
        (b'{"rule": ' + b'{"not": ' * 150 + b"{}" + b"}" * 150 + b"}", None),
        (b"[]", ""),
        (b"null", ""),
        (b'"text"', ""),
        (b'{"name": {"a": 1}}', "/name"),
        (b'{"name": "A", "nmae": "B"}', "/nmae"),
    ],
)
def test_a_body_that_is_no_request_gets_400_with_the_place(
    api: Caller, body: bytes, path: str | None
) -> None:
    response = raw(api, "segments/", body)
    assert response.status_code == 400, response.content[:300]
    found = problems(response)
    if path is not None:
        assert path in found
    assert not Segment.objects.exists()


def test_too_large_a_body_gets_413(api: Caller, settings: LazySettings) -> None:
    settings.API_MAX_BYTES = 1000
    response = raw(api, "segments/", b'{"name": "' + b"x" * 1000 + b'"}')
    assert response.status_code == 413
    assert problems(response) == {"": "too_large"}


def test_another_kind_of_body_gets_415(api: Caller) -> None:
    response = raw(api, "segments/", b"name=A", "application/x-www-form-urlencoded")
    assert response.status_code == 415
    assert response.json()["error"]["code"] == "unsupported_media_type"


@pytest.mark.parametrize("method", ["put", "delete", "options", "trace"])
def test_a_method_that_is_not_there_gets_405(api: Caller, method: str) -> None:
    response = getattr(api.client, method)("/api/v1/people/", headers=api.headers)
    assert response.status_code == 405
    assert problems(response) == {"": "method_not_allowed"}
    assert "GET" in response["Allow"]


@pytest.mark.parametrize(
    "path",
    [
        "people/999999/", "people/9223372036854775807/", "people/9999999999999999999/",
        "people/abc/", "people/1%00/", "nothing/", "people/1/2/3/", "../api/v1/%F0/",
        "segments/99/members/", "segments/9999999999999999999/members/", "programs/99/draft/",
    ],
)  # fmt: skip
def test_what_is_not_there_gets_404_in_the_common_shape(api: Caller, path: str) -> None:
    response = api.get(path)
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("limit=0", "/limit"),
        ("limit=501", "/limit"),
        (f"limit={HUGE}", "/limit"),
        ("limit=x", "/limit"),
        ("limit=²", "/limit"),
        ("cursor=", "/cursor"),
        ("cursor=%00", "/cursor"),
        ("cursor=AAAA", "/cursor"),
        ("cursor=WyJuIiwxLDFd", None),  # a real one: ["n",1,1]
        ("cursor=WyJuIiwxZTk5OSwxXQ", "/cursor"),  # ["n",1e999,1]
        ("cursor=WyJuIiwxLDk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5XQ", "/cursor"),
        ("ordering=password", "/ordering"),
        ("ordering=", "/ordering"),
        ("company=99999999999999999999", "/company"),
        ("company=-1", "/company"),
        ("company=1e3", "/company"),
        ("company=x", "/company"),
        ("seen_since=yesterday", "/seen_since"),
        ("seen_since=99999-01-01T00:00:00Z", "/seen_since"),
        ("search=a%00b", "/search"),
        ("serach=anna", "/serach"),
        ("a%00=1", "/a"),
    ],
)
def test_a_bad_query_gets_400_with_the_parameter(api: Caller, query: str, path: str | None) -> None:
    response = api.get(f"people/?{query}")
    if path is None:
        assert response.status_code == 200
    else:
        assert response.status_code == 400, response.content
        assert path in problems(response)


def test_errors_of_operations_keep_their_paths(api: Caller) -> None:
    rule = {
        "all": [{"test": "attribute", "name": "rôle", "operator": "equals"}, {"test": "nonsense"}]
    }
    response = api.post("segments/", {"name": "A", "rule": rule})
    assert response.status_code == 400
    found = problems(response)
    assert found["/rule/all/1/test"] == "unknown_kind"
    assert any(path.startswith("/rule/all/0") for path in found)


def test_a_refusal_in_the_middle_leaves_nothing_behind(api: Caller) -> None:
    """The CSM is unknown: the new stage of the same request is not stored either."""
    company = factories.company()
    trail = AuditEntry.objects.count()
    response = api.patch(f"companies/{company.pk}/", {"stage": "live", "csm": 424242})
    assert response.status_code == 400
    assert problems(response) == {"/csm": "unknown"}
    assert Company.objects.get().stage == "trial"
    assert AuditEntry.objects.count() == trail
    items = [{"email": "a@example.com"}, {"email": "no address"}]
    response = api.post("people/batch/", {"people": items})
    assert response.status_code == 400
    assert "/people/1/email" in problems(response)
    assert not Person.objects.exists()


def test_too_many_requests_get_429_and_are_told_when_to_come_back(
    api: Caller, settings: LazySettings
) -> None:
    settings.API_REQUESTS_PER_MINUTE = 3
    answers = [api.get("sources/") for _ in range(8)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused  # a minute may begin in between, but not twice
    assert problems(refused[0]) == {"": "throttled"}
    assert 1 <= int(refused[0]["Retry-After"]) <= 61


def test_both_forms_of_an_address_answer(api: Caller) -> None:
    assert api.get("people").status_code == 200
    assert api.post("segments", {"name": "A"}).status_code == 201


def test_hidden_columns_cannot_be_set(api: Caller, caller: Callable[..., Caller]) -> None:
    """Mass assignment: what is not offered is refused by name (SEC-02)."""
    person = factories.person()
    for name in ("id", "merged_into", "erased_at", "created_at"):
        response = api.patch(f"people/{person.pk}/", {name: 1})
        assert response.status_code == 400
        assert f"/{name}" in problems(response)
    program = factories.program(publish=False)
    response = api.patch(f"programs/{program.pk}/", {"state": "active"})
    assert problems(response) == {"/state": "unknown"}


def test_unknown_addresses_need_no_login_and_say_so() -> None:
    response = Client().get("/api/nothing")
    assert response.status_code == 404
    assert problems(response) == {"": "not_found"}

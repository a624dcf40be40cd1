"""RUL-02: what the builder asks the server."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from csplatform.accounts.models import User
from csplatform.customers.models import AttributeDefinition
from csplatform.rules import views
from csplatform.rules.fields import RuleField, RuleWidget
from tests.factories import company, person, staff

pytestmark = pytest.mark.django_db
ROLE = {"test": "attribute", "name": "role", "operator": "equals", "value": "admin"}


@pytest.fixture
def reader(client: Client) -> User:
    """Somebody who may only read, signed in."""
    user = staff("read_only")
    client.force_login(user)
    return user


def preview(client: Client, rule: Any, subject: str = "person", status: int = 200) -> Any:
    """The preview's answer."""
    body = rule if isinstance(rule, (str, bytes)) else json.dumps(rule)
    url = f"{reverse('rules:preview')}?subject={subject}"
    answer = client.post(url, body, content_type="application/json")
    assert answer.status_code == status, answer.content
    return answer.json()


def test_preview_counts_and_shows_some(client: Client, reader: User) -> None:
    """RUL-02: count, a sample with links, the sentence."""
    ann = person(name="Ann", role="Admin")
    person(role="user")
    told = preview(client, ROLE)
    assert told == {
        "problems": [],
        "words": "People for whom Role is “admin”.",
        "count": 1,
        "sample": [{"id": ann.pk, "label": "Ann", "url": f"/people/{ann.pk}/"}],
        "slow": False,
    }


def test_preview_names_bad_nodes(client: Client, reader: User) -> None:
    """REL-03: the path of each bad node, as the builder shows them."""
    told = preview(client, {"all": [ROLE, {**ROLE, "value": None}]})
    assert [problem["path"] for problem in told["problems"]] == ["/all/1/value"]
    assert "count" not in told


@pytest.mark.parametrize("body", ["", "no json", "[" * 100_000, b"\xff\xfe"])
def test_garbage_is_refused(client: Client, reader: User, body: Any) -> None:
    """REL-03: never a 500."""
    assert preview(client, body, status=400)["problems"]


def test_a_subject_that_is_none_is_refused(client: Client, reader: User) -> None:
    """REL-03: never a 500."""
    assert preview(client, {}, subject="robot", status=400)["problems"]


def test_a_slow_count_is_left_out(
    client: Client, reader: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RUL-02: the page stays usable when counting takes too long."""
    monkeypatch.setattr(views, "PREVIEW_MS", 1)
    monkeypatch.setattr(views, "count_matching", lambda *a: views.sql.one("SELECT pg_sleep(2)"))
    told = preview(client, ROLE)
    assert (told["count"], told["slow"], told["sample"]) == (None, True, [])


def test_strangers_learn_nothing(client: Client) -> None:
    """SEC-01: not without signing in, not for people who are no staff."""
    person(role="admin")
    for name in ("describe", "suggest"):
        answer = client.get(f"{reverse(f'rules:{name}')}?subject=person&attribute=role")
        assert answer.status_code == 401
    assert preview(client, ROLE, status=401) == {
        "problems": [{"path": "", "message": "Sign in again."}]
    }
    client.force_login(staff("admin", is_staff=False))
    preview(client, ROLE, status=401)


def test_csrf_is_asked_for(reader: User) -> None:
    """SEC-02: a page elsewhere cannot ask in somebody's name."""
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(reader)
    url = f"{reverse('rules:preview')}?subject=person"
    assert strict.post(url, "{}", content_type="application/json").status_code == 403


def test_suggestions_come_from_the_data(client: Client, reader: User) -> None:
    """RUL-02: frequent values first, of columns, lists and declared attributes."""
    for subject, name, type_ in (("person", "plan", "text"), ("person", "skills", "list")):
        AttributeDefinition.objects.create(subject=subject, name=name, label=name, type=type_)
    person(role="user", attributes={"plan": "pro", "skills": ["sql", "python"]})
    person(role="user", attributes={"plan": 7, "skills": ["sql"]})
    person(role="admin", attributes={"skills": "none"})
    company(tags=["vip"])

    def values(subject: str, attribute: str) -> list[str]:
        url = f"{reverse('rules:suggest')}?subject={subject}&attribute={attribute}"
        return client.get(url).json()["values"]

    assert values("person", "role") == ["user", "admin"]
    assert values("person", "plan") == ["7", "pro"]
    assert values("person", "skills") == ["sql", "python"]
    assert values("company", "tags") == ["vip"]
    assert values("company", "stage") == ["trial", "onboarding", "live", "renewal"]
    assert values("person", "no such") == []


def test_the_field_checks_and_names_the_place() -> None:
    """RUL-02: in any Django form."""
    field = RuleField(subject="company")
    assert field.clean('{"any": []}') == {"any": []}
    assert RuleField(subject="person", required=False).clean("") == {}
    for bad in ("{", '{"all": [1]}', "[]", "7", "null"):
        with pytest.raises(Exception, match=r"JSON|/all/0|Rule"):
            field.clean(bad)
    assert not field.has_changed({"all": []}, '{"all":[]}')
    html = RuleWidget("company").render(
        "rule", {"all": [{"x": "</textarea><script>"}]}, {"id": "r"}
    )
    assert 'data-subject="company"' in html
    assert "<script>" not in html

"""Contract of segments and their members over HTTP (API-01, SEG-01, RUL-02)."""

from collections.abc import Callable

import pytest

from csplatform.segments.models import Segment
from tests import factories
from tests.api.conftest import Caller, problems

pytestmark = pytest.mark.django_db
BOSSES = {"test": "attribute", "name": "role", "operator": "equals", "value": "Boss"}


def test_a_dynamic_segment_is_made_computed_changed_and_deleted(
    api: Caller, run_lanes: Callable[..., int]
) -> None:
    boss = factories.person(role="Boss")
    factories.person(role="Clerk")
    created = api.post("segments/", {"name": "Bosses", "rule": {"all": [BOSSES]}})
    assert created.status_code == 201, created.content
    segment = created.json()
    assert segment["state"] == "pending"
    run_lanes("bulk")
    url = f"segments/{segment['id']}/"
    assert api.get(url).json()["member_count"] == 1
    members = api.get(f"{url}members/").json()["results"]
    assert [row["subject_id"] for row in members] == [boss.pk]
    renamed = api.patch(url, {"name": "Chiefs"})
    assert (renamed.json()["name"], renamed.json()["rule"]) == ("Chiefs", {"all": [BOSSES]})
    assert problems(api.post("segments/", {"name": "chiefs"})) == {"/name": "taken"}
    assert api.post(f"{url}recompute/").status_code == 202
    copy = api.post(f"{url}clone/")
    assert (copy.status_code, copy.json()["name"]) == (201, "Chiefs (copy)")
    assert api.get("segments/?search=chi&kind=dynamic").json()["results"][0]["name"] == "Chiefs"
    assert api.delete(url).status_code == 204
    assert api.get(url).status_code == 404


def test_a_segment_in_use_is_not_deleted(api: Caller) -> None:
    used = api.post("segments/", {"name": "Used"}).json()["id"]
    rule = {"test": "segment", "segment": used}
    user = api.post("segments/", {"name": "User", "rule": rule})
    assert user.status_code == 201, user.content
    response = api.delete(f"segments/{used}/")
    assert response.status_code == 409
    assert problems(response) == {"": "in_use"}
    assert "User" in response.json()["error"]["message"]
    circle = api.patch(f"segments/{used}/", {"rule": {"test": "segment", "segment": used}})
    assert circle.status_code == 400
    assert Segment.objects.count() == 2


def test_members_are_put_on_a_list_and_taken_off(api: Caller) -> None:
    people = factories.people(3)
    ids = [person.pk for person in people]
    url = f"segments/{api.post('segments/', {'name': 'L', 'kind': 'static'}).json()['id']}/members/"
    assert api.post(f"{url}add/", {"ids": [*ids, 99999]}).json() == {"count": 3}
    assert api.post(f"{url}add/", {"ids": ids[:1]}).json() == {"count": 0}
    assert api.post(f"{url}remove/", {"ids": ids[:2]}).json() == {"count": 2}
    rows = api.get(url).json()["results"]
    assert [row["subject_id"] for row in rows] == ids[2:]
    assert api.get(f"{url}?subject_id={ids[0]}").json()["results"] == []
    for bad in ([], ["x"], [0], [2**63], None):
        response = api.post(f"{url}add/", {"ids": bad})
        assert response.status_code == 400
        assert any(path.startswith("/ids") for path in problems(response))


def test_a_rule_keeps_its_members_to_itself(api: Caller) -> None:
    url = f"segments/{api.post('segments/', {'name': 'D'}).json()['id']}/members/"
    assert problems(api.post(f"{url}add/", {"ids": [1]})) == {"": "dynamic"}


def test_a_rule_is_tried_without_being_stored(api: Caller) -> None:
    factories.person(role="Boss")
    factories.people(2)
    answer = api.post("segments/preview/", {"rule": BOSSES}).json()
    assert (answer["count"], answer["problems"]) == (1, [])
    assert "Boss" in answer["words"]
    assert api.post("segments/preview/", {"rule": {}}).json()["count"] == 3
    wrong = api.post("segments/preview/", {"rule": {"all": [BOSSES, {"test": "x"}]}}).json()
    assert (wrong["count"], wrong["words"]) == (None, "")
    assert [(p["path"], p["code"]) for p in wrong["problems"]] == [
        ("/rule/all/1/test", "unknown_kind")
    ]
    companies = api.post("segments/preview/", {"subject": "company", "rule": {}}).json()
    assert companies["count"] == 0
    assert not Segment.objects.exists()

"""Contract of engagements and invitations over HTTP (API-01, ENG-03)."""

from collections.abc import Callable

import pytest

from csplatform.kit.clock import now
from engagements.inapp.models import Engagement, Invitation
from tests import factories
from tests.api.conftest import Caller, problems

pytestmark = pytest.mark.django_db


def test_an_engagement_goes_from_draft_to_ended(api: Caller) -> None:
    created = api.post("engagements/", {"name": "Hello", "kind": "dialog"})
    assert created.status_code == 201, created.content
    row = created.json()
    assert (row["state"], row["content"], row["release"]) == ("draft", None, 0)
    url = f"engagements/{row['id']}/"
    stale = api.patch(url, {"revision": 7, "name": "B"})
    assert (stale.status_code, problems(stale)) == (409, {"": "stale"})
    changed = api.patch(url, {"revision": row["draft_revision"], "name": "Welcome", "priority": 5})
    assert (changed.json()["name"], changed.json()["priority"]) == ("Welcome", 5)
    launched = api.post(f"{url}launch/")
    assert launched.status_code == 200, launched.content
    assert (launched.json()["state"], launched.json()["content"]) == ("launched", row["draft"])
    assert api.post(f"{url}pause/", {"reason": "Wait"}).json()["state"] == "paused"
    assert api.post(f"{url}end/").json()["state"] == "ended"
    assert problems(api.post(f"{url}pause/")) == {"": "state"}
    assert problems(api.delete(url)) == {"": "used"}
    assert api.get("engagements/?search=wel&state=ended").json()["results"][0]["id"] == row["id"]


def test_a_draft_can_be_deleted_and_bad_content_is_refused_with_its_place(api: Caller) -> None:
    assert problems(api.post("engagements/", {"name": "A", "kind": "nonsense"})) == {
        "/kind": "kind"
    }
    content = {"blocks": [{"kind": "html", "text": "<b>"}]}
    refused = api.post("engagements/", {"name": "A", "kind": "dialog", "content": content})
    assert "/content/blocks/0/kind" in problems(refused)
    assert not Engagement.objects.exists()
    pk = api.post("engagements/", {"name": "A", "kind": "dialog"}).json()["id"]
    assert api.post(f"engagements/{pk}/check/").status_code == 200
    assert api.delete(f"engagements/{pk}/").status_code == 204


def test_launching_is_not_for_everybody(caller: Callable[..., Caller]) -> None:
    pk = caller().post("engagements/", {"name": "A", "kind": "dialog"}).json()["id"]
    writer = caller("program_manager", scopes=["read", "write"])
    assert problems(writer.post(f"engagements/{pk}/launch/")) == {"": "scope"}
    assert caller("csm").post(f"engagements/{pk}/launch/").status_code == 403


def test_invitations_are_listed(api: Caller) -> None:
    pk = api.post("engagements/", {"name": "A", "kind": "dialog"}).json()["id"]
    person = factories.person()
    row = Invitation.objects.create(
        engagement_id=pk, person=person, participant_id=1, program_id=2, step_id=3, step_key="a1",
        created_at=now(),
    )  # fmt: skip
    for query in (f"engagement={pk}", f"person={person.pk}", "program=2", "state=open"):
        found = api.get(f"invitations/?{query}").json()["results"]
        assert [item["id"] for item in found] == [row.pk]
    assert api.get("invitations/?state=viewed").json()["results"] == []

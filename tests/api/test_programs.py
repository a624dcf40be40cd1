"""Contract of templates, programs, versions, participants and messages over HTTP (API-01)."""

from collections.abc import Callable
from typing import Any

import pytest

from csplatform.accounts.models import AuditEntry
from csplatform.kit.clock import now
from csplatform.segments.operations.definition import SegmentInput, save_segment
from csplatform.segments.operations.membership import add_members
from journeys.models import Folder, Outbox, Participant, Program
from tests import factories
from tests.api.conftest import Caller, problems

pytestmark = pytest.mark.django_db


def waiting_flow(segment: int | None = None) -> dict[str, Any]:
    """Three days of waiting."""
    sources = [{"kind": "segment", "segment": segment}] if segment else []
    step = factories.step("wait_timer", "w1", amount=3, unit="days")
    return {"entry": {"sources": sources}, "steps": [step]}


def test_a_program_goes_from_draft_to_stopped(api: Caller, run_lanes: Callable[..., int]) -> None:
    person = factories.person()
    segment = save_segment(SegmentInput("List", kind="static"), actor=None)
    add_members(segment.pk, [person.pk], actor=None)
    folder = Folder.objects.create(name="Onboarding")
    created = api.post("programs/", {"name": "Welcome", "folder": folder.pk})
    assert created.status_code == 201, created.content
    program = created.json()
    assert (program["state"], program["folder_name"]) == ("draft", "Onboarding")
    url = f"programs/{program['id']}/"
    draft = api.get(f"{url}draft/")
    assert draft["ETag"] == '"0"'
    body = {"document": waiting_flow(segment.pk)}
    saved = api.put(f"{url}draft/", body, **{"If-Match": draft["ETag"]})
    assert saved.status_code == 200, saved.content
    assert saved.json()["revision"] == 1
    check = api.post(f"{url}check/").json()
    assert (check["can_publish"], check["would_enter"]) == (True, 1), check
    published = api.post(f"{url}publish/", {"revision": 1})
    assert published.status_code == 201, published.content
    assert published.json()["number"] == 1
    run_lanes("bulk", "live")
    counts = api.get(f"{url}counts/").json()
    assert (counts["entered"], counts["inside"], counts["steps"]["w1"]["here"]) == (1, 1, 1)
    for verb, state in (("pause", "paused"), ("resume", "active"), ("stop", "stopped")):
        answer = api.post(f"{url}{verb}/", {"reason": "Because"})
        assert (answer.status_code, answer.json()["state"]) == (200, state)
    again = api.post(f"{url}resume/")
    assert again.status_code == 409
    assert problems(again) == {"": "state"}
    assert Participant.objects.get().state == "removed"
    versions = api.get(f"program-versions/?program={program['id']}").json()["results"]
    assert [row["number"] for row in versions] == [1]
    assert AuditEntry.objects.filter(verb="program.stop").exists()
    clone = api.post(f"{url}clone/")
    assert (clone.status_code, clone.json()["state"]) == (201, "draft")
    assert api.delete(url).status_code == 409
    assert api.delete(f"programs/{clone.json()['id']}/").status_code == 204


def test_two_editors_do_not_overwrite_each_other(api: Caller) -> None:
    program = factories.program(publish=False)
    url = f"programs/{program.pk}/draft/"
    assert api.put(url, {"document": waiting_flow(), "revision": 0}).status_code == 200
    stale = api.put(url, {"document": waiting_flow(), "revision": 0})
    assert stale.status_code == 409
    assert problems(stale) == {"": "stale"}
    missing = api.put(url, {"document": waiting_flow()})
    assert problems(missing) == {"/revision": "missing"}
    assert problems(api.put(url, {"document": waiting_flow()}, **{"If-Match": '"x"'})) == {
        "/revision": "missing"
    }


def test_a_flow_that_is_none_is_refused_with_the_places(api: Caller) -> None:
    program = factories.program(publish=False)
    url = f"programs/{program.pk}/"
    bad = {"entry": {}, "steps": [{"key": "A!", "kind": 5}], "more": 1}
    response = api.put(f"{url}draft/", {"document": bad, "revision": 0})
    assert response.status_code == 400
    assert {"/document/steps/0/key", "/document/steps/0/kind", "/document/more"} <= set(
        problems(response)
    )
    unknown = {"entry": {"sources": []}, "steps": [factories.step("nonsense", "a1")]}
    assert api.put(f"{url}draft/", {"document": unknown, "revision": 0}).status_code == 200
    refused = api.post(f"{url}publish/")
    assert refused.status_code == 400
    assert problems(refused) == {"/steps/0/kind": "unknown_kind"}
    marks = api.post(f"{url}check/").json()["marks"]
    assert ("a1", "unknown_kind", "error") in [
        (m["step_key"], m["code"], m["level"]) for m in marks
    ]
    assert Program.objects.get().state == "draft"


def test_people_are_enrolled_watched_removed(api: Caller, run_lanes: Callable[..., int]) -> None:
    step = factories.step("wait_timer", "w1", name="Wait", amount=3, unit="days")
    program = factories.program(step)
    one, two = factories.people(2)
    url = f"programs/{program.pk}/enroll/"
    answer = api.post(url, {"ids": [one.pk, two.pk, 99999]})
    assert answer.status_code == 200, answer.content
    assert answer.json()["entered"] == 2
    assert api.post(url, {"ids": [one.pk]}).json()["refused"] == {"already_in": 1}
    run_lanes("live")
    rows = api.get(f"participants/?program={program.pk}&running=true").json()["results"]
    assert {row["person"] for row in rows} == {one.pk, two.pk}
    assert {(row["step_key"], row["step_name"], row["phase"]) for row in rows} == {
        ("w1", "Wait", "waiting")
    }
    feed = api.get(f"participants/{rows[0]['id']}/feed/").json()["results"]
    assert [row["kind"] for row in feed] == ["enter", "wait"]
    assert feed[-1]["step_key"] == "w1"
    gone = api.post("participants/remove/", {"ids": [rows[0]["id"]], "reason": "Asked us to"})
    assert gone.json() == {"count": 1}
    row = api.get(f"participants/{rows[0]['id']}/").json()
    assert (row["state"], row["end_reason"]) == ("removed", "Asked us to")
    assert api.get("participants/?step=w1&state=active").json()["results"][0]["id"] == rows[1]["id"]
    assert api.post("participants/retry/", {"ids": [rows[0]["id"]]}).json() == {"count": 0}
    Participant.objects.filter(pk=rows[0]["id"]).update(state="failed")
    assert api.post("participants/retry/", {"ids": [rows[0]["id"]]}).json() == {"count": 1}


def test_nobody_enters_a_draft(api: Caller) -> None:
    program = factories.program(publish=False)
    response = api.post(f"programs/{program.pk}/enroll/", {"ids": [1]})
    assert response.status_code == 409
    assert problems(response) == {"": "state"}


def test_a_csm_may_enrol_but_not_build(caller: Callable[..., Caller]) -> None:
    program = factories.program(factories.step("wait_timer", "w1", amount=3, unit="days"))
    person = factories.person()
    csm = caller("csm")
    assert csm.post(f"programs/{program.pk}/enroll/", {"ids": [person.pk]}).status_code == 200
    assert csm.post("programs/", {"name": "Mine"}).status_code == 403
    assert csm.post(f"programs/{program.pk}/stop/").status_code == 403


def test_programs_are_renamed_filtered_and_foldered(api: Caller) -> None:
    program = factories.program(publish=False)
    folder = Folder.objects.create(name="F")
    url = f"programs/{program.pk}/"
    answer = api.patch(url, {"name": "Renewal", "folder": folder.pk, "description": "Why"})
    assert (answer.json()["name"], answer.json()["folder"]) == ("Renewal", folder.pk)
    assert api.patch(url, {"folder": None}).json()["folder_name"] == "Uncategorized"
    assert problems(api.patch(url, {"folder": 999})) == {"/folder": "unknown"}
    assert problems(api.patch(url, {"name": " "})) == {"/name": "blank"}
    found = api.get("programs/?search=ren&state=draft&type=person").json()["results"]
    assert [row["id"] for row in found] == [program.pk]
    assert api.get("program-folders/").json()["results"][0]["name"] == "F"


def test_templates_are_made_checked_changed_and_kept_while_in_use(api: Caller) -> None:
    blocks = [{"kind": "text", "text": "Hello {{ person.name }}"}]
    body = {"name": "Welcome", "subject": "Hello {{ person.nme }}", "blocks": blocks}
    created = api.post("mail-templates/", body)
    assert created.status_code == 201, created.content
    pk = created.json()["id"]
    checks = api.post(f"mail-templates/{pk}/check/").json()["problems"]
    assert [problem["path"] for problem in checks] == ["/subject"]
    changed = api.patch(f"mail-templates/{pk}/", {"subject": "Hello {{ person.name }}"})
    assert changed.status_code == 200, changed.content
    assert changed.json()["blocks"] == created.json()["blocks"]
    assert api.post(f"mail-templates/{pk}/check/").json()["problems"] == []
    taken = api.post("mail-templates/", body)
    assert (taken.status_code, problems(taken)) == (409, {"/name": "taken"})
    wrong = api.patch(f"mail-templates/{pk}/", {"blocks": [{"kind": "html"}], "reply_to": "nobody"})
    assert {"/reply_to", "/blocks/0/kind"} <= set(problems(wrong))
    step = factories.step("send_email", "m1", template=pk)
    program = factories.program(step, publish=False)
    refused = api.delete(f"mail-templates/{pk}/")
    assert (refused.status_code, problems(refused)) == (409, {"": "in_use"})
    assert program.name in refused.json()["error"]["message"]
    program.delete()
    assert api.delete(f"mail-templates/{pk}/").status_code == 204
    verbs = set(AuditEntry.objects.values_list("verb", flat=True))
    assert {"template.add", "template.change", "template.delete"} <= verbs


def test_messages_are_listed_and_the_uncertain_ones_decided(api: Caller) -> None:
    states = ("sent", "uncertain", "uncertain", "dead")
    rows = [Outbox.objects.create(state=state, created_at=now()) for state in states]
    found = api.get("messages/?state=uncertain&ordering=id").json()["results"]
    assert [row["id"] for row in found] == [rows[1].pk, rows[2].pk]
    ids = [row.pk for row in rows]
    assert api.post("messages/mark-sent/", {"ids": ids[:2]}).json() == {"count": 1}
    assert api.post("messages/send-again/", {"ids": ids}).json() == {"count": 2}
    assert api.get(f"messages/{ids[3]}/").json()["state"] == "pending"
    assert api.get("messages/?state=gone").status_code == 400

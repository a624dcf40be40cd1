"""The life of a program over HTTP (PRG-40, PRG-45)."""

from datetime import timedelta
from typing import Any

import pytest

from csplatform.kit.clock import now
from journeys.models import Participant, Program
from journeys.operations.enroll import enroll
from tests import factories
from tests.api.conftest import Caller, problems

pytestmark = pytest.mark.django_db
TIMER = factories.step("wait_timer", "w1", amount=1, unit="days")


def at(**ahead: float) -> str:
    return (now() + timedelta(**ahead)).isoformat()


def test_a_draft_is_scheduled_and_taken_back(api: Caller) -> None:
    program = factories.program(TIMER, publish=False)
    address = f"programs/{program.pk}/"
    when = at(days=3)
    answer = api.post(f"{address}schedule/", {"at": when, "revision": 0}).json()
    assert (answer["state"], answer["publish_by"]) == (
        "scheduled",
        Program.objects.get().publish_by_id,
    )
    assert answer["publish_at"] is not None
    assert api.post(f"{address}schedule/", {"at": when}).status_code == 409
    put = api.put(f"{address}draft/", {"revision": 0, "document": factories.flow()})
    assert put.status_code == 409
    assert [row["id"] for row in api.get("programs/?scheduled=true").json()["results"]] == [
        program.pk
    ]
    assert api.get(f"programs/?publish_from={at(days=4)[:19]}Z").json()["results"] == []
    back = api.post(f"{address}unschedule/", {"reason": "Too early"}).json()
    assert (back["state"], back["publish_at"]) == ("draft", None)
    assert api.post(f"{address}unschedule/").status_code == 409


@pytest.mark.parametrize(
    "given", [{}, {"at": ""}, {"at": "tomorrow"}, {"at": "２０２７-01-01"}, {"at": at(days=-1)},
              {"at": at(days=2000)}, {"at": at(days=1), "revision": -1}],
)  # fmt: skip
def test_bad_times_are_told(api: Caller, given: dict[str, Any]) -> None:
    program = factories.program(TIMER, publish=False)
    response = api.post(f"programs/{program.pk}/schedule/", given)
    assert response.status_code == 400
    assert set(problems(response)) <= {"/at", "/revision"}


def test_a_failed_publishing_is_told(api: Caller) -> None:
    program = factories.program(TIMER, publish=False)
    failure = [{"step": "w1", "path": "/steps/0", "code": "invalid", "message": "No."}]
    Program.objects.filter(pk=program.pk).update(publish_failure=failure)
    (row,) = api.get("programs/?publish_failed=true").json()["results"]
    assert row["publish_failure"] == failure
    assert api.get("programs/?publish_failed=false").json()["results"] == []


def test_entries_go_off_and_on(api: Caller) -> None:
    program = factories.program(TIMER)
    enroll(program.pk, [factories.person().pk], actor=None)
    address = f"programs/{program.pk}/"
    off = api.post(f"{address}disable/", {"runs": "freeze", "reason": "Wait"}).json()
    assert (off["state"], off["accepts_entries"]) == ("paused", False)
    listed = api.get("programs/?accepts_entries=false").json()["results"]
    assert [row["id"] for row in listed] == [program.pk]
    assert api.post(f"{address}disable/").status_code == 409
    assert problems(api.post(f"{address}disable/", {"runs": "vanish"})) == {
        "/runs": "invalid_choice"
    }
    on = api.post(f"{address}enable/").json()
    assert (on["state"], on["accepts_entries"]) == ("active", True)
    assert Participant.objects.get().state == "active"


def test_the_history_has_filters_and_the_length_of_pauses(api: Caller) -> None:
    program, other = factories.program(TIMER), factories.program(TIMER)
    api.post(f"programs/{program.pk}/pause/", {"reason": "Wrong link"})
    api.post(f"programs/{program.pk}/resume/")
    api.post(f"programs/{program.pk}/pause/")
    rows = api.get(f"programs/{program.pk}/history/").json()["results"]
    assert [row["what"] for row in rows] == ["paused", "resumed", "paused", "published"]
    lasting, resumed, ended, published = rows
    assert ended["reason"] == "Wrong link"
    assert ended["pause_until"] == resumed["at"]
    assert (lasting["pause_until"], lasting["pause_seconds"]) == (None, 0)
    assert resumed["pause_seconds"] is published["pause_seconds"] is None
    assert published["pause_until"] is None
    found = api.get(f"programs/{program.pk}/history/?what=paused&since={at(days=-1)[:19]}Z")
    assert len(found.json()["results"]) == 2
    assert len(api.get(f"programs/{program.pk}/history/?topic=pauses").json()["results"]) == 3
    assert api.get(f"programs/{program.pk}/history/?when=now").status_code == 400
    assert api.get("programs/999999/history/").status_code == 404
    everything = api.get("program-history/?topic=publishing").json()["results"]
    assert [row["program"] for row in everything] == [other.pk, program.pk]
    assert len(api.get(f"program-history/?program={other.pk}").json()["results"]) == 1

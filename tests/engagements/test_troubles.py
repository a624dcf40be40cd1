"""PRG-09: a step whose engagement cannot be shown any more is marked wherever the program is."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from rest_framework.test import APIClient

from csplatform.customers.models import ExternalId
from csplatform.kit.clock import now
from engagements.inapp.models import Engagement
from journeys.models import Program
from journeys.operations.draft import save_draft
from journeys.operations.enroll import enroll
from journeys.operations.life import stop_program
from journeys.operations.publish import publish_program
from journeys.snapshot.attention import troubles_of
from tests import factories as make
from tests.engagements.make import engagement

pytestmark = pytest.mark.django_db
CHIP = "Needs attention</span></a>"


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(make.staff("program_manager"))
    return client


def program(shown: Engagement, **more: Any) -> Program:
    return make.program(
        make.step("trigger_engagement", "eng", name="First steps", engagement=shown.pk), **more
    )


def read(client: Client, name: str, *args: Any, query: str = "") -> str:
    return client.get(reverse(f"admin:{name}", args=args) + query).content.decode()


CHANGES = {
    "paused": {"state": "paused"},
    "ended": {"state": "ended"},
    "over": {"ends_at": now() - timedelta(days=1)},
    "triggered otherwise": {"triggered_by": "automatic"},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_the_step_is_marked_on_every_page_at_once(staff: Client, change: dict[str, Any]) -> None:
    runs = program(engagement())
    draft = program(engagement(), publish=False)

    def pages() -> tuple[str, ...]:
        return (
            read(staff, "journeys_program_snapshot", runs.pk),
            read(staff, "journeys_program_flow", draft.pk),
            read(staff, "journeys_program_flow", runs.pk),
        )

    assert not any("has-error" in page for page in pages())
    assert CHIP not in read(staff, "journeys_program_changelist")
    Engagement.objects.update(**change)
    for page in pages():
        assert 'id="step-eng"' in page
        assert "has-error" in page
        assert "or choose another." in page
    listed = read(staff, "journeys_program_changelist")
    assert listed.count(CHIP) == 1  # the draft has its mark in the editor
    place = reverse("admin:journeys_program_snapshot", args=[runs.pk]) + "#step-eng"
    assert place in listed
    home = read(staff, "index")
    assert "Programs that need attention" in home
    assert place in home
    Engagement.objects.update(state="launched", ends_at=None, triggered_by="program")
    assert CHIP not in read(staff, "journeys_program_changelist")


def test_a_schedule_that_has_not_begun_is_no_trouble(staff: Client) -> None:
    """Only the showing waits."""
    program(engagement())
    Engagement.objects.update(starts_at=now() + timedelta(days=1))
    assert troubles_of() == {}


def test_the_filter_keeps_those_that_need_attention(staff: Client) -> None:
    broken = program(engagement())
    Engagement.objects.update(state="paused")
    fine = program(engagement())
    listed = read(staff, "journeys_program_changelist", query="?attention=yes")
    assert broken.name in listed
    assert fine.name not in listed


def test_stopped_programs_and_left_versions_are_no_trouble() -> None:
    """Nobody reaches the step of a stopped program, nor of a version that nobody travels."""
    shown = engagement()
    stopped, changed = program(shown), program(shown)
    stop_program(stopped.pk, actor=None, reason="")
    document = {**changed.draft, "steps": [make.step("exit", "ex")]}
    save_draft(changed.pk, document, revision=changed.draft_revision, actor=None)
    publish_program(changed.pk, actor=None)
    Engagement.objects.update(state="paused")
    assert troubles_of() == {}


def test_the_step_of_an_older_version_is_named_with_it(staff: Client) -> None:
    """Somebody still travels version 1: the snapshot, which draws version 2, tells of its step."""
    shown = engagement()
    changed = make.program(
        make.step("wait_timer", "w1", amount=1, unit="days"),
        make.step("trigger_engagement", "eng", name="First steps", engagement=shown.pk),
    )
    ann = make.person()
    ExternalId.objects.create(person=ann, kind="user_id", value="u-ann")
    assert enroll(changed.pk, [ann.pk], actor=None).entered == 1
    document = {**changed.draft, "steps": changed.draft["steps"][:1]}
    save_draft(changed.pk, document, revision=changed.draft_revision, actor=None)
    publish_program(changed.pk, actor=None)
    Engagement.objects.update(state="paused")
    page = read(staff, "journeys_program_snapshot", changed.pk)
    assert "“First steps” of version 1" in page


def test_the_list_asks_as_often_for_one_program_as_for_twenty(
    staff: Client,
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            read(staff, "journeys_program_changelist")
            read(staff, "index")
        return len(found.captured_queries)

    program(engagement())
    Engagement.objects.update(state="paused")
    queries()  # what is cached once
    one = queries()
    for _ in range(19):
        Engagement.objects.update(state="launched")
        program(engagement())
    Engagement.objects.update(state="paused")
    assert len(troubles_of()) == 20
    assert queries() == one


def test_the_api_names_the_steps() -> None:
    runs = program(engagement())
    client = APIClient()
    client.force_authenticate(make.staff("analyst"))
    assert client.get(f"/api/v1/programs/{runs.pk}/attention/").json() == []
    Engagement.objects.update(state="ended")
    (found,) = client.get(f"/api/v1/programs/{runs.pk}/attention/").json()
    assert found["step_key"] == "eng"
    assert found["version"] == 1
    assert "has ended: launch it again" in found["message"]

"""The builder and the lists in the admin (ENG-02, ENG-03, ENG-04, ENG-07, TRK-07)."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from csplatform.accounts.models import AuditEntry
from engagements.models import (
    Engagement,
    EngagementRelease,
    EngagementStateChange,
    Invitation,
)
from journeys.operations.enroll import enroll
from tests import factories
from tests.engagements.make import Browser, admin, engagement, item, person, source

pytestmark = pytest.mark.django_db
LIST = "admin:engagements_engagement_changelist"


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(admin())
    return client


def change_url(shown: Engagement) -> str:
    return reverse("admin:engagements_engagement_change", args=[shown.pk])


def form(shown: Engagement, **more: Any) -> dict[str, Any]:
    """What the builder posts."""
    return {
        "name": shown.name,
        "draft": json.dumps(more.pop("content", shown.draft)),
        "revision": shown.draft_revision,
        "triggered_by": "program",
        "starts_at_0": "", "starts_at_1": "", "ends_at_0": "", "ends_at_1": "",
        "priority": "0",
        **more,
    }  # fmt: skip


def button(name: str) -> dict[str, str]:
    return {f"engagements_engagement_{name}": "1"}


def test_a_new_one_starts_from_a_starter(staff: Client) -> None:
    """ENG-02: starting templates per kind."""
    response = staff.post(
        reverse("admin:engagements_engagement_add"),
        {"name": "Hello", "begin_with": "dialog:news", "triggered_by": "program"},
    )
    made = Engagement.objects.get()
    assert response["Location"] == change_url(made)
    assert made.state == "draft"
    assert made.draft["blocks"][0]["text"].startswith("New")
    assert AuditEntry.objects.filter(verb="engagement.add").exists()
    page = staff.get(change_url(made)).content.decode()
    assert "data-engagement-builder" in page
    assert "Save and launch" in page


def test_launch_pause_relaunch_end(staff: Client) -> None:
    """ENG-03: states, with history, releases and audit."""
    shown = engagement(launched=False)
    for name, state in (("launch", "launched"), ("pause", "paused"), ("resume", "launched"),
                        ("end", "ended")):  # fmt: skip
        shown.refresh_from_db()
        staff.post(change_url(shown), form(shown, **button(name)))
        shown.refresh_from_db()
        assert shown.state == state
    changes = EngagementStateChange.objects.order_by("id").values_list("old", "new")
    assert list(changes) == [("draft", "launched"), ("launched", "paused"),
                             ("paused", "launched"), ("launched", "ended")]  # fmt: skip
    assert EngagementRelease.objects.count() == 1
    assert AuditEntry.objects.filter(verb="engagement.launch").count() == 2


def test_edits_of_a_live_one_wait_for_the_relaunch(staff: Client) -> None:
    """ENG-03: edits go to a draft that is relaunched."""
    shown = engagement()
    content = {**shown.draft, "blocks": [{"kind": "action", "label": "Fine"}]}
    staff.post(change_url(shown), form(shown, content=content))
    shown.refresh_from_db()
    assert shown.draft["blocks"][0]["label"] == "Fine"
    assert shown.content["blocks"][0]["kind"] == "heading"
    assert "differs from what people see" in staff.get(change_url(shown)).content.decode()
    staff.post(change_url(shown), form(shown, **button("relaunch")))
    shown.refresh_from_db()
    assert shown.content == shown.draft
    assert shown.release == 2


def test_a_wrong_draft_is_refused_with_its_place(staff: Client) -> None:
    """Bad input: the form comes back with what is wrong, nothing is stored."""
    shown = engagement(launched=False)
    for content in ({"blocks": [{"kind": "text"}]}, {"blocks": [{"kind": "html"}]}, [],
                    {"view": "left", "blocks": []}):  # fmt: skip
        response = staff.post(change_url(shown), form(shown, content=content))
        assert response.status_code == 200
    before = shown.draft
    shown.refresh_from_db()
    assert shown.draft == before
    bad = {"view": "modal", "blocks": [{"kind": "text", "text": "Hi {{ person.shoe }}"}]}
    response = staff.post(change_url(shown), form(shown, content=bad, **button("launch")))
    assert "person.shoe" in response.content.decode()
    shown.refresh_from_db()
    assert shown.state == "draft"


def test_two_people_cannot_overwrite_each_other(staff: Client) -> None:
    """A stale revision is refused in words."""
    shown = engagement(launched=False)
    staff.post(change_url(shown), form(shown, name="Mine"))
    response = staff.post(change_url(shown), form(shown, name="Theirs"))
    assert "in the meantime" in response.content.decode()
    shown.refresh_from_db()
    assert shown.name == "Mine"


def test_the_preview_fills_in_and_names_problems(staff: Client) -> None:
    """ENG-02: live preview with a real person's values, and problems at their blocks."""
    person()
    url = reverse("admin:engagements_engagement_preview")
    content = {"view": "modal", "blocks": [{"kind": "text", "text": "Hi {{ person.first_name }}"}]}

    def ask(content: Any) -> Any:
        body = json.dumps({"kind": "dialog", "content": content})
        return staff.post(url, body, content_type="application/json")

    answer = ask(content).json()
    assert answer["content"]["blocks"][0]["text"] == "Hi Ann"
    assert answer["problems"][0]["level"] == "warning"
    content["blocks"].append({"kind": "text", "text": ""})
    answer = ask(content).json()
    assert answer["content"] is None
    assert answer["problems"][0]["path"] == "/blocks/1/text"
    assert staff.post(url, "rubbish", content_type="application/json").status_code == 400


def test_the_frame_keeps_the_strict_policy(staff: Client) -> None:
    """TRK-01: what the renderer draws in the preview it draws under the strict policy, too."""
    response = staff.get(reverse("engagement-frame", args=["dialog"]))
    assert response.status_code == 200
    assert "unsafe" not in response["Content-Security-Policy"]
    assert staff.get(reverse("engagement-frame", args=["nothing"])).status_code == 404
    assert Client().get(reverse("engagement-frame", args=["dialog"])).status_code == 302


def test_who_may_do_what(client: Client) -> None:
    """OPS-10: an analyst looks, a CSM does not launch."""
    shown = engagement(launched=False)
    for role in ("analyst", "csm", "read_only"):
        client.force_login(factories.staff(role))
        assert client.get(reverse(LIST)).status_code == 200
        assert client.get(change_url(shown)).status_code == 200
        client.post(change_url(shown), form(shown, name="Changed", **button("launch")))
        shown.refresh_from_db()
        assert (shown.state, shown.name) == ("draft", "Welcome")
        assert client.get(reverse("admin:engagements_engagement_add")).status_code == 403


def test_numbers_lead_to_the_people(staff: Client, run_lanes: Any) -> None:
    """ENG-07: viewed, completed, and the people behind each number; programs using it."""
    shown = engagement()
    runs = factories.program(factories.step("trigger_engagement", "eng", engagement=shown.pk))
    people = [person(f"u-{n}", f"p{n}@example.com") for n in range(3)]
    enroll(runs.pk, people, actor=None)
    run_lanes("live")
    browser = Browser(source())
    browser.identify("u-1")
    browser.report(browser.look(), "viewed", "completed")
    page = staff.get(reverse(LIST)).content.decode()
    url = f"{reverse('admin:engagements_invitation_changelist')}?engagement={shown.pk}"
    assert f'href="{url}"' in page
    assert "1 (33 %)" in page
    for progress, count in (("viewed", 1), ("completed", 1), ("not_viewed", 2), ("failed", 0)):
        response = staff.get(f"{url}&progress={progress}")
        assert response.context["cl"].result_count == count
    assert runs.name in staff.get(change_url(shown)).content.decode()
    row = Invitation.objects.filter(state="completed").get()
    page = staff.get(reverse("admin:engagements_invitation_change", args=[row.pk])).content.decode()
    assert f"?invitation_id={row.pk}" in page
    showings = reverse("admin:engagements_showing_changelist")
    response = staff.get(f"{showings}?invitation_id={row.pk}")
    assert response.context["cl"].result_count == 1


def test_launched_ones_cannot_be_deleted(staff: Client) -> None:
    """History stays: only a draft that was never used goes."""
    draft, live = engagement(launched=False), engagement()
    for shown in (draft, live):
        url = reverse("admin:engagements_engagement_delete", args=[shown.pk])
        staff.post(url, {"post": "yes"})
    assert list(Engagement.objects.all()) == [live]


def test_rejected_events_are_listed(staff: Client) -> None:
    """TRK-07: a page shows what was refused and why."""
    Browser(source()).post(item("track", "m-77", name=""))
    page = staff.get(reverse("admin:engagements_rejectedevent_changelist")).content.decode()
    assert "m-77" in page
    assert "may not be empty" in page
    assert staff.get(reverse("admin:engagements_visitor_changelist")).status_code == 200


def test_other_pages_tell_of_it(staff: Client, run_lanes: Any) -> None:
    """Foundation 6: the person's snapshot has a panel, the home page warns of a paused one."""
    ann, shown = person(), engagement()
    runs = factories.program(factories.step("trigger_engagement", "eng", engagement=shown.pk))
    snapshot = reverse("person-snapshot", args=[ann])
    assert "Inside the product" not in staff.get(snapshot).content.decode()
    enroll(runs.pk, [ann], actor=None)
    run_lanes("live")
    Browser(source()).identify("u-1")
    page = staff.get(snapshot).content.decode()
    assert "Inside the product" in page
    assert "Not viewed" in page
    warning = "Programs that need attention"
    assert warning not in staff.get(reverse("admin:index")).content.decode()
    Engagement.objects.update(state="paused")
    assert warning in staff.get(reverse("admin:index")).content.decode()

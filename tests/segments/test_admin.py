"""SEG-01, ADM-01: the pages of segments."""

import json
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from csplatform.customers.models import AttributeDefinition, ExternalId
from csplatform.customers.operations.attributes import patch_attributes
from csplatform.segments.admin.pages import why_words
from csplatform.segments.models import Segment, State
from csplatform.segments.operations.membership import add_members
from tests.factories import company, person, staff
from tests.segments.cast import attribute, members, segment

pytestmark = pytest.mark.django_db
Run = Callable[..., int]


@pytest.fixture
def manager(client: Client) -> Client:
    """A program manager's browser."""
    client.force_login(staff("program_manager"))
    return client


def page(client: Client, name: str, *args: Any, status: int = 200, **query: str) -> str:
    """A page's text."""
    answer = client.get(reverse(f"admin:segments_segment_{name}", args=args), query)
    assert answer.status_code == status
    return answer.content.decode()


def form(**more: Any) -> dict[str, Any]:
    """A filled-in form."""
    rule = json.dumps(more.pop("rule", attribute("role", "equals", "admin")))
    return {"name": "Admins", "description": "", "subject": "person", "kind": "dynamic",
            "rule": rule, **more}  # fmt: skip


def test_an_empty_list_says_what_to_do(manager: Client) -> None:
    """ADM-01: empty states."""
    assert "No segments yet" in page(manager, "changelist")


def test_a_segment_is_made_and_changed_in_the_browser(manager: Client, run_lanes: Run) -> None:
    """SEG-01: through the operation, with the recompute and the history."""
    ann = person(role="admin")
    assert manager.post(reverse("admin:segments_segment_add"), form()).status_code == 302
    made = Segment.objects.get()
    run_lanes()
    assert members(made) == {ann.pk}
    assert 'data-subject="person"' in page(manager, "change", made.pk)
    url = reverse("admin:segments_segment_change", args=[made.pk])
    answer = manager.post(url, form(name="Users", rule=attribute("role", "unset")))
    assert answer.status_code == 302
    made.refresh_from_db()
    assert (made.name, made.definition, made.state) == ("Users", 2, State.PENDING)


def test_bad_rules_and_names_stay_in_the_form(manager: Client) -> None:
    """REL-03: the place, and nothing is saved."""
    segment("Taken")
    url = reverse("admin:segments_segment_add")
    answer = manager.post(url, form(rule={"all": [{"test": "x"}]}))
    assert "/all/0/test" in answer.content.decode()
    answer = manager.post(url, form(name="taken"))
    assert answer.status_code == 200
    answer = manager.post(url, {**form(), "rule": "{broken"})
    assert "This is no JSON." in answer.content.decode()
    assert Segment.objects.count() == 1


def test_counts_lead_to_the_members(manager: Client, run_lanes: Run) -> None:
    """SEG-01: list, search, paging, links to the people."""
    made = [
        person(name=f"Ann {n:03}", email=f"ann{n}@example.com", role="admin") for n in range(60)
    ]
    admins = segment("Admins", attribute("role", "equals", "admin"))
    run_lanes()
    url = reverse("admin:segments_segment_members", args=[admins.pk])
    assert f'href="{url}">60</a>' in page(manager, "changelist")
    first = page(manager, "members", admins.pk)
    assert f"/people/{made[59].pk}/" in first
    assert f"/people/{made[5].pk}/" not in first
    assert f"/people/{made[5].pk}/" in page(manager, "members", admins.pk, page="2")
    found = page(manager, "members", admins.pk, q="ANN 007")
    assert f"/people/{made[7].pk}/" in found
    assert f"/people/{made[8].pk}/" not in found
    assert "Nobody is found" in page(manager, "members", admins.pk, q="%")
    page(manager, "members", admins.pk, q="\x00", page="x")


def test_changes_show_who_came_and_why(manager: Client, run_lanes: Run) -> None:
    """SEG-01: history of entering and leaving, and the chart."""
    ann = person(name="Ann", role="user")
    admins = segment("Admins", attribute("role", "equals", "admin"))
    assert "Nothing has changed yet" in page(manager, "changes", admins.pk)
    run_lanes()
    patch_attributes("person", {ann.pk: {"role": "admin"}}, cause={"kind": "test"})
    run_lanes()
    text = page(manager, "changes", admins.pk)
    assert "a change of role" in text
    assert "1 (+1, −0)" in text


def test_causes_in_words() -> None:
    """SEG-01: each cause is said."""
    assert why_words({"kind": "list", "by": "Zoe"}) == "by hand (Zoe)"
    assert why_words({"kind": "change", "keys": ["event.login"]}) == "a change of event “login”"
    assert why_words({"kind": "recompute"}) == "the rule was computed"
    assert why_words({}) == ""


def test_pasting_fills_a_static_list(manager: Client) -> None:
    """SEG-01: emails or ids in any letter case; what is not found is named."""
    vips = segment("VIPs", kind="static")
    ann, bob = person(email="Ann@example.com"), person()
    ExternalId.objects.create(person=bob, value="u-7")
    url = reverse("admin:segments_segment_members", args=[vips.pk])
    keys = "ann@EXAMPLE.com\nu-7, nobody@example.com\nann@example.com"
    text = manager.post(url, {"do": "add", "keys": keys}, follow=True).content.decode()
    assert members(vips) == {ann.pk, bob.pk}
    assert "Not found: nobody@example.com." in text
    manager.post(url, {"do": "remove", "id": [ann.pk, "x", "9" * 40]})
    assert members(vips) == {bob.pk}
    assert (
        "Paste at least one line" in manager.post(url, {"do": "add"}, follow=True).content.decode()
    )
    key = segment("Key accounts", subject="company", kind="static")
    acme = company(name="Acme", domains=["acme.example"])
    page_url = reverse("admin:segments_segment_members", args=[key.pk])
    manager.post(page_url, {"do": "add", "keys": "ACME.example"})
    assert members(key) == {acme.pk}


def test_chosen_people_are_put_on_a_list(manager: Client) -> None:
    """SEG-01: a bulk action of the list of people; a new list on the way."""
    ann, bob = person(), person()
    url = reverse("admin:customers_person_changelist")
    chosen = {"action": "add_to_list", "_selected_action": [ann.pk]}
    asked = manager.post(url, chosen).content.decode()
    assert "Add to a static list" in asked
    manager.post(url, {**chosen, "confirmed": "1", "name": "Fresh"})
    fresh = Segment.objects.get()
    assert (fresh.name, fresh.kind) == ("Fresh", "static")
    manager.post(
        url, {**chosen, "_selected_action": [bob.pk], "confirmed": "1", "segment": fresh.pk}
    )
    assert members(fresh) == {ann.pk, bob.pk}


def test_a_used_segment_stays_with_the_reason(manager: Client) -> None:
    """SEG-01: used-by list; deleting says who uses it."""
    first = segment("First")
    second = segment("Second", {"test": "segment", "segment": first.pk})
    assert "Segment: Second" in page(manager, "change", first.pk)
    url = reverse("admin:segments_segment_delete", args=[first.pk])
    text = manager.post(url, {"post": "yes"}, follow=True).content.decode()
    assert "still used by Segment “Second”" in text
    chosen = {"action": "delete_selected", "_selected_action": [first.pk], "post": "yes"}
    manager.post(reverse("admin:segments_segment_changelist"), chosen)
    assert Segment.objects.filter(pk=first.pk).exists()
    manager.post(reverse("admin:segments_segment_delete", args=[second.pk]), {"post": "yes"})
    assert not Segment.objects.filter(pk=second.pk).exists()


def test_cloning_and_computing_again(manager: Client, run_lanes: Run) -> None:
    """SEG-01: by button, never by following a link."""
    admins = segment("Admins", attribute("role", "equals", "admin"))
    run_lanes()
    assert page(manager, "clone", admins.pk, status=405) is not None
    manager.post(reverse("admin:segments_segment_clone", args=[admins.pk]))
    assert Segment.objects.filter(name="Admins (copy)").exists()
    manager.post(reverse("admin:segments_segment_recompute", args=[admins.pk]))
    admins.refresh_from_db()
    assert admins.requested_at is not None


def test_readers_look_and_strangers_do_not(client: Client) -> None:
    """SEC-01: pages by role; a denied request changes nothing."""
    vips = segment("VIPs", kind="static")
    ann = person()
    add_members(vips.pk, [ann.pk], actor=None)
    admins = segment("Admins", attribute("role", "equals", "admin"))
    client.force_login(staff("read_only"))
    assert "People for whom Role is" in page(client, "change", admins.pk)
    assert "Take the ticked ones off" not in page(client, "members", vips.pk)
    page(client, "changes", vips.pk)
    url = reverse("admin:segments_segment_members", args=[vips.pk])
    assert client.post(url, {"do": "remove", "id": [ann.pk]}).status_code == 403
    assert client.get(reverse("admin:segments_segment_add")).status_code == 403
    client.post(reverse("admin:segments_segment_clone", args=[vips.pk]))
    assert members(vips) == {ann.pk}
    assert Segment.objects.count() == 2
    client.logout()
    assert client.get(url).status_code == 302


@pytest.mark.parametrize("name", ["members", "changes"])
@pytest.mark.parametrize("object_id", ["999", "x", "9" * 40])
def test_pages_of_no_segment(manager: Client, name: str, object_id: str) -> None:
    """REL-03: 404, never a 500."""
    assert manager.get(f"/admin/segments/segment/{object_id}/{name}/").status_code == 404


def test_an_attribute_that_a_rule_reads_is_not_deleted(manager: Client) -> None:
    """CUS-01: the attribute's page knows the segments."""
    plan = AttributeDefinition.objects.create(
        subject="company", name="plan", label="Plan", type="text"
    )
    segment("Pro", {"test": "company", "rule": attribute("plan", "equals", "pro")})
    url = reverse("admin:customers_attributedefinition_change", args=[plan.pk])
    manager.force_login(staff("admin"))
    assert "Used by Segment “Pro”" in manager.get(url).content.decode()


class Forms(HTMLParser):
    """The deepest nesting of forms on a page; a browser ends the outer one at the inner's end."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.depth = self.deepest = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One deeper."""
        self.depth += tag == "form"
        self.deepest = max(self.deepest, self.depth)

    def handle_endtag(self, tag: str) -> None:
        """And up again."""
        self.depth -= tag == "form"


def test_the_form_of_a_segment_holds_no_other_form(manager: Client) -> None:
    """ADM-01: otherwise a browser saves an empty rule, which everybody matches."""
    found = segment("Admins", attribute("role", "equals", "admin"))
    assert Forms(page(manager, "change", found.pk)).deepest == 1


def test_a_rule_that_did_not_arrive_changes_nothing(manager: Client) -> None:
    """SEG-01: a form cut short on its way is no wish for a segment of everybody."""
    rule = attribute("role", "equals", "admin")
    found = segment("Admins", rule)
    cut = form(name="Cut")
    del cut["rule"]
    answer = manager.post(reverse("admin:segments_segment_change", args=[found.pk]), cut)
    assert answer.status_code == 200
    assert Segment.objects.get(pk=found.pk).rule == found.rule

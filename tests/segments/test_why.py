"""SEG-01, RUL-03: why somebody is in or out, the filters of changes, lists from files."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from csplatform.customers.operations.attributes import patch_attributes
from csplatform.kit.clock import now
from csplatform.segments.admin.forms import csv_keys
from csplatform.segments.explaining import why
from csplatform.segments.models import Member, Segment
from csplatform.segments.operations.definition import SegmentInput, save_segment
from tests import factories as make

pytestmark = pytest.mark.django_db
ADMINS = {"test": "attribute", "name": "role", "operator": "equals", "value": "admin"}


@pytest.fixture
def manager() -> Client:
    """Somebody who builds."""
    client = Client()
    client.force_login(make.staff("program_manager"))
    return client


def test_why_now_and_back_then(run_lanes) -> None:
    """By the rule and the values of then."""
    ann = make.person(name="Ann", role="admin")
    type(ann).objects.update(created_at=now() - timedelta(days=1))
    segment = save_segment(SegmentInput("Admins", rule=ADMINS), actor=None)
    run_lanes()
    then = now()
    patch_attributes("person", {ann.pk: {"role": "user"}}, cause={})
    run_lanes()
    save_segment(SegmentInput("Admins", rule={"not": ADMINS}), actor=None, segment_id=segment.pk)
    run_lanes()
    segment.refresh_from_db()
    today = why(segment, ann.pk, now(), past=False)
    before = why(segment, ann.pk, then, past=True)
    assert (today.inside, today.definition, today.explained.truth) == (True, 2, True)
    assert (before.inside, before.definition, before.explained.truth) == (True, 1, True)
    assert before.explained.value == "admin"
    assert [change.entered for change in today.changes] == [True, False, True]
    assert why(segment, 10**12, now(), past=False).label == ""


def test_the_page_finds_explains_and_refuses(manager: Client, run_lanes) -> None:
    ann = make.person(name="Ann", role="admin")
    make.person(name="Anna")
    segment = save_segment(SegmentInput("Admins", rule=ADMINS), actor=None)
    run_lanes()
    url = f"/admin/segments/segment/{segment.pk}/why/"
    assert "Choose a person" in manager.get(url).content.decode()
    assert f"id={ann.pk}" in manager.get(url, {"q": "Ann"}).content.decode()
    told = manager.get(url, {"id": ann.pk}).content.decode()
    assert "is in this segment" in told
    assert "Role is “admin”" in told
    assert "Nobody is found" in manager.get(url, {"q": "zzz"}).content.decode()
    assert "Give an instant" in manager.get(url, {"id": ann.pk, "at": "soon"}).content.decode()
    assert "yet to come" in manager.get(url, {"id": ann.pk, "at": "2999-01-01T00:00"}
                                        ).content.decode()  # fmt: skip


def test_changes_are_filtered(manager: Client, run_lanes) -> None:
    ann, bob = make.person(name="Ann", role="admin"), make.person(name="Bob", role="admin")
    segment = save_segment(SegmentInput("Admins", rule=ADMINS), actor=None)
    run_lanes()
    patch_attributes("person", {bob.pk: {"role": "user"}}, cause={})
    run_lanes()

    def rows(**asked: str) -> list[tuple[str, bool]]:
        response = manager.get(f"/admin/segments/segment/{segment.pk}/changes/", asked)
        return [(row["name"], row["change"].entered) for row in response.context["rows"]]

    assert len(rows()) == 3
    assert rows(what="left") == [("Bob", False)]
    assert rows(q="ann") == [("Ann", True)]
    assert rows(why="change") == [("Bob", False)]
    assert rows(until="2020-01-01") == []
    assert len(rows(days="365", since="2020-01-01")) == 3
    assert len(rows(days="bogus")) == 3
    assert ann


def test_a_csv_file_fills_a_list(manager: Client) -> None:
    """The column that names people counts."""
    ann, bob = make.person(email="ann@example.com"), make.person(email="bob@example.com")
    listed = save_segment(SegmentInput("VIPs", kind="static"), actor=None)
    url = f"/admin/segments/segment/{listed.pk}/members/"
    text = "Name;Email\nAnn A.;ann@example.com\nBob;BOB@example.com\nNobody;no@example.com\n"
    given = SimpleUploadedFile("people.csv", b"\xef\xbb\xbf" + text.encode())
    told = manager.post(url, {"do": "add", "file": given}, follow=True).content.decode()
    assert "2 added" in told
    assert "Not found: no@example.com" in told
    assert set(Member.objects.values_list("subject_id", flat=True)) == {ann.pk, bob.pk}
    bad = SimpleUploadedFile("people.csv", b"\xff\xfe\x00")
    assert (
        "no CSV file" in manager.post(url, {"do": "add", "file": bad}, follow=True).content.decode()
    )
    assert "Paste at least" in manager.post(url, {"do": "add"}, follow=True).content.decode()
    assert Segment.objects.get().member_count == 2


def test_files_without_headings_are_lists() -> None:
    assert csv_keys("a@x.com\nb@x.com,more\n") == ["a@x.com", "b@x.com"]
    assert csv_keys("x,user_id\n1,u7\n2\n") == ["u7"]
    assert csv_keys("") == []

"""Two admins at one form: nobody overwrites what they have not seen (ADM-01)."""

import re
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from csplatform.segments.models import Segment
from csplatform.segments.operations.definition import SegmentInput, save_segment
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def segment() -> Segment:
    """A list with a name and a description."""
    return save_segment(SegmentInput("Champions", "Ours", "person", "static", None), actor=None)


def _client() -> Client:
    client = Client()
    client.force_login(make.staff("admin"))
    return client


def _seen(page: str) -> str:
    found = re.search(r'name="_seen" value="([^"]*)"', page)
    assert found, "the page does not say what it was drawn from"
    return unescape(found[1])


def test_saving_over_a_colleagues_change_is_refused_once(segment: Segment) -> None:
    """The second to save is told what the first one wrote, keeps the input, and may insist."""
    url = reverse("admin:segments_segment_change", args=[segment.pk])
    anna, ben = _client(), _client()
    drawn = {who: _seen(who.get(url).content.decode()) for who in (anna, ben)}
    theirs = {"name": "Champions", "description": "By Anna", "_seen": drawn[anna]}
    assert anna.post(url, theirs).status_code == 302

    mine = {"name": "Champions", "description": "By Ben", "_seen": drawn[ben]}
    refused = ben.post(url, mine)
    page = refused.content.decode()
    assert refused.status_code == 200
    assert "Somebody else changed this" in page
    assert "“Description” says “By Anna” by now." in page
    assert "By Ben" in page
    assert "“Name” says" not in page
    segment.refresh_from_db()
    assert segment.description == "By Anna"

    assert ben.post(url, {**mine, "_seen": _seen(page)}).status_code == 302
    segment.refresh_from_db()
    assert segment.description == "By Ben"


@pytest.mark.parametrize("junk", ["", "nonsense", "[]", '{"name": 5}', '{"other": "x"}'])
def test_a_page_that_says_nothing_useful_breaks_nothing(segment: Segment, junk: str) -> None:
    """At most it is taken for an old page; never an error, never half-saved."""
    url = reverse("admin:segments_segment_change", args=[segment.pk])
    answer = _client().post(url, {"name": "Heroes", "description": "", "_seen": junk})
    assert answer.status_code in (200, 302)
    segment.refresh_from_db()
    assert (segment.name == "Heroes") == (answer.status_code == 302)


def test_what_changes_by_itself_is_no_conflict(segment: Segment) -> None:
    """Counters and states of the row are not what the form shows."""
    url = reverse("admin:segments_segment_change", args=[segment.pk])
    client = _client()
    drawn = _seen(client.get(url).content.decode())
    Segment.objects.filter(pk=segment.pk).update(member_count=7, state="failed")
    given = {"name": "Heroes", "description": "Ours", "_seen": drawn}
    assert client.post(url, given).status_code == 302

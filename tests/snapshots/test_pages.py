"""Snapshot pages and timelines: SNP-01."""

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from csplatform.customers.models import EventName
from csplatform.customers.operations.attributes import patch_attributes
from csplatform.customers.operations.companies import assign_csm
from csplatform.customers.operations.events import EventInput, record_events
from csplatform.customers.operations.merge import merge_people
from csplatform.kit.clock import now
from csplatform.snapshots import timeline
from csplatform.snapshots.chart import bar_chart, nice_top
from csplatform.snapshots.panels import Panel, panels
from csplatform.snapshots.timeline import Entry, TimelineSource, load_page, read_cursor
from tests.customers import make

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader(client):
    user = make.user(role="read_only")
    client.force_login(user)
    return user


def page(client, name, obj, **params):
    response = client.get(reverse(name, args=[obj.pk]), params)
    assert response.status_code == 200
    return response.content.decode()


def test_a_company_page_tells_what_a_csm_wants_to_know(client, reader):
    make.attribute("seats", "number", subject="company")
    acme = make.company("Acme", arr=78678, renewal_date=now().date() + timedelta(days=20), seats=3)
    assign_csm([acme.pk], make.user(first_name="Kim", last_name="Berg"), actor=None)
    ada = make.person(name="Ada", at=acme)
    record_events([EventInput("Report opened", person_id=ada.pk)])
    patch_attributes(
        "company", {acme.pk: {"seats": 9}}, cause={"kind": "program", "label": "Trial"}
    )
    text = page(client, "company-snapshot", acme)
    for words in (
        "78,678", "in 20 days", "Kim Berg", "Ada", "1 event in 90 days", "just now",
        "Seats changed from 3 to 9", "by program Trial", "Report opened", "Ada joined",
    ):  # fmt: skip
        assert words in text, words
    assert reverse("person-snapshot", args=[ada.pk]) in text
    assert f"memberships__company__id__exact={acme.pk}" in text
    assert reverse("admin:customers_company_change", args=[acme.pk]) not in text  # may not edit


def test_a_person_page_tells_where_somebody_works(client, reader):
    ada = make.person(name="Ada", at=make.company("Acme", time_zone="Europe/Paris"))
    text = page(client, "person-snapshot", ada)
    for words in ("Acme", "Europe/Paris", "Joined Acme", "No events in the last 90 days"):
        assert words in text, words


def test_who_may_not_look_is_sent_away(client):
    acme = make.company()
    address = reverse("company-snapshot", args=[acme.pk])
    assert client.get(address).url.startswith("/admin/login/?next=/companies/")
    client.force_login(make.user(is_staff=False))
    assert client.get(address).status_code == 302
    client.force_login(make.user(role="nothing"))
    assert client.get(address).status_code == 403


def test_unknown_and_merged_people(client, reader):
    winner, loser = make.person(), make.person()
    merge_people(winner.pk, loser.pk, actor=None)
    moved = client.get(reverse("person-snapshot", args=[loser.pk]))
    assert moved.url == reverse("person-snapshot", args=[winner.pk])
    assert client.get(reverse("person-snapshot", args=[10**9])).status_code == 404
    assert client.get(f"/people/{10**30}/").status_code == 404


def test_the_page_costs_the_same_for_small_and_large_customers(
    client, reader, django_assert_max_num_queries
):
    """SNP-01: a constant number of queries."""
    counts = []
    for size in (2, 60):
        acme = make.company(f"Acme {size}")
        people = [make.person(at=acme) for _ in range(size)]
        record_events([EventInput(f"e{i % 7}", person_id=p.pk) for i, p in enumerate(people)])
        patch_attributes("company", {acme.pk: {"stage": "live", "arr": size}}, cause={})
        with django_assert_max_num_queries(60) as captured:
            page(client, "company-snapshot", acme)
        counts.append(len(captured))
    assert counts[0] == counts[1]


class TestTimeline:
    def test_pages_follow_each_other_without_gap_or_repeat(self, reader):
        """Many events at the same instant, from several sources."""
        acme = make.company()
        ada = make.person(at=acme)
        moment = datetime(2026, 3, 1, tzinfo=UTC)
        record_events(
            [
                EventInput(
                    f"e{i % 3}", person_id=ada.pk, occurred_at=moment + timedelta(hours=i // 20)
                )
                for i in range(100)
            ]
        )
        for i in range(10):
            patch_attributes("person", {ada.pk: {"role": f"r{i}"}}, cause={}, moment=moment)
        sources = timeline.sources_for("person", reader)
        seen, cursor = [], ""
        while True:
            found = load_page("person", ada.pk, sources, read_cursor(cursor))
            seen += [(source.key, entry.key) for source, entry in found.rows]
            cursor = found.cursor
            if not cursor:
                break
            assert len(found.rows) == timeline.PAGE
        mine = [row for row in seen if row[0] in ("events", "changes", "memberships")]
        assert len(mine) == len(set(mine)) == 111

    def test_the_filter_shows_one_kind_and_older_ones_follow(self, client, reader):
        ada = make.person(at=make.company("Acme"))
        record_events([EventInput("login", person_id=ada.pk)] * 35)
        text = page(client, "person-snapshot", ada, kind="memberships")
        assert "Joined Acme" in text
        assert "login" not in text.split('id="timeline"')[1]
        first = client.get(reverse("person-timeline", args=[ada.pk]), {"kind": "events"})
        cursor = first.context["timeline"].cursor
        more = page(client, "person-timeline", ada, kind="events", before=cursor)
        assert more.count("<strong>login") == 5

    @pytest.mark.parametrize("bad", ["x", "a:b:c", "W10:1:2", "\x00"])
    def test_a_bad_cursor_is_the_first_page(self, client, reader, bad):
        page(client, "person-snapshot", make.person(), before=bad, kind="nonsense")

    def test_rooms_above_bring_their_own_sources(self, client, reader):
        entry = Entry(now(), 1, "Survey answered", "9 of 10", "/surveys/1/", (("score", 9),))
        source = TimelineSource("test", "Surveys", "star", lambda *args: [entry])
        with timeline.timeline_sources.temporarily("test", source):
            text = page(client, "person-snapshot", make.person())
        assert "Survey answered" in text
        assert "Surveys" in text


class TestPanels:
    def test_a_panel_may_hide_itself_or_need_a_permission(self, client, reader):
        def panel(**more):
            values = {"load": lambda *args: {"chart": None, "days": 90, "total": 0}, **more}
            template = "snapshots/panels/usage.html"
            return Panel("t", "My panel", "person", 1, template, **values)

        ada = make.person()
        for item, shown in (
            (panel(), True),
            (panel(load=lambda *args: None), False),
            (panel(permission="accounts.view_user"), False),
        ):
            with panels.temporarily("test.panel", item):
                assert ("My panel" in page(client, "person-snapshot", ada)) is shown


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1), (1, 1), (3, 5), (11, 20), (99, 100), (100, 100)]
)
def test_chart_tops_are_round(value, top):
    assert nice_top(value) == top


def test_a_chart_without_events_has_flat_bars():
    days = [datetime(2026, 1, 1, tzinfo=UTC).date() + timedelta(days=i) for i in range(9)]
    chart = bar_chart(days, [0] * 9)
    assert {bar.height for bar in chart.bars} == {0}
    assert [count for _, count in chart.weeks] == [0, 0]


def test_event_labels_are_shown_instead_of_names(client, reader):
    ada = make.person()
    record_events([EventInput("rpt_open", person_id=ada.pk)])
    EventName.objects.update(label="Opened a report")
    text = page(client, "person-snapshot", ada)
    assert "Opened a report" in text


def test_events_are_told_in_words(client, reader):
    """SNP-01: a label of one's own, else ours for a built-in name, else the name."""
    ada = make.person(name="Ada")
    names = ("email.opened", "page.viewed", "board_viewed", "x.y")
    record_events([EventInput(name, person_id=ada.pk) for name in names])
    EventName.objects.filter(name="page.viewed").update(label="Saw a page")
    text = page(client, "person-snapshot", ada)
    for words in ("Mail opened", "Saw a page", "board_viewed", "x.y"):
        assert words in text, words
    assert "email.opened" not in text
    assert "page.viewed" not in text


def test_the_chart_counts_what_the_head_counts(client, reader):
    """SNP-01: a mail that was sent is no use of the product."""
    ada = make.person(name="Ada")
    record_events([
        EventInput("email.sent", person_id=ada.pk, passive=True),
        EventInput("email.opened", person_id=ada.pk),
    ])  # fmt: skip
    assert "1 event in 90 days" in page(client, "person-snapshot", ada)


def test_dates_of_attributes_read_like_other_dates(client, reader):
    """SNP-01: the value and its history."""
    make.attribute("signup", "date", subject="person")
    ada = make.person(name="Ada", signup="2025-03-09")
    patch_attributes("person", {ada.pk: {"signup": "2025-04-10"}}, cause={"kind": "system"})
    text = page(client, "person-snapshot", ada)
    assert "changed from 09 Mar 2025 to 10 Apr 2025" in text
    assert "2025-04-10" not in text.replace('datetime="2025-04-10', "")

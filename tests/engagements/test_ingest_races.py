"""The same visitor from several tabs at the same moment, on real connections (TRK-06, TRK-07)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from csplatform.customers.models import Event, EventName, Person
from csplatform.customers.operations.merge import merge_people
from engagements.models import Invitation, Showing, Visitor
from journeys.operations.enroll import enroll
from tests import factories
from tests.engagements.make import Browser, engagement, item, person, source

pytestmark = pytest.mark.django_db(transaction=True)
TABS = 6


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """Run all of them in threads with connections of their own."""

    def run(call: Callable[[], Any]) -> Any:
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(run, call) for call in calls]]


def tabs(browser: Browser) -> list[Browser]:
    """The same browser's tabs, each with a client of its own."""
    found = [Browser(browser.source, Client()) for _ in range(TABS)]
    for tab in found:
        tab.visitor = browser.visitor
    return found


def count(name: str) -> int:
    known = EventName.objects.filter(name=name).values_list("pk", flat=True).first()
    return Event.objects.filter(name_id=known).count()


def test_first_calls_of_one_visitor_at_once() -> None:
    """One visitor, one person, every event once, whatever comes first."""
    mine = tabs(Browser(source()))
    shared = item("track", "shared", name="shared")
    answers = at_once([
        lambda tab=tab: tab.post(
            item("track", name="own"), shared,
            item("identify", user_id="u-1", email="ann@example.com", company={"id": "acme"}),
        )
        for tab in mine
    ])  # fmt: skip
    assert [answer.status_code for answer in answers] == [200] * TABS
    statuses = [answer.reply["results"][1]["status"] for answer in answers]
    assert sorted(statuses) == ["duplicate"] * (TABS - 1) + ["ok"]
    assert Visitor.objects.count() == Person.objects.count() == 1
    assert count("own") == TABS
    assert count("shared") == 1
    assert not Event.objects.filter(person_id=None).exists()


def test_no_event_stays_anonymous_when_another_tab_signs_in() -> None:
    """TRK-06: recorded before or after, it belongs to the person in the end."""
    for round_ in range(5):
        mine = tabs(Browser(source()))
        mine[0].post(item("page", url="https://app.example.com/"))
        calls: list[Callable[[], Any]] = [
            lambda tab=tab: tab.post(item("track", name="own")) for tab in mine
        ]
        calls.insert(3, lambda tab=mine[0], n=round_: tab.identify(f"u-{n}"))  # type: ignore[misc]
        at_once(calls)
    assert count("own") == 5 * TABS
    assert not Event.objects.filter(person_id=None).exists()


def test_two_tabs_answer_at_once(run_lanes: Callable[..., int]) -> None:
    """ENG-07: the state is one, each showing has its own row, the events come once per showing."""
    ann = person()
    runs = factories.program(
        factories.step("trigger_engagement", "eng", engagement=engagement().pk)
    )
    enroll(runs.pk, [ann], actor=None)
    run_lanes("live")
    browser = Browser(source())
    browser.identify("u-1")
    mine = tabs(browser)
    shows = [tab.look() for tab in mine]
    at_once([
        lambda tab=tab, show=show: tab.report(show, "viewed", "completed")
        for tab, show in zip(mine, shows, strict=True)
    ])  # fmt: skip
    assert Invitation.objects.get().state == "completed"
    assert Showing.objects.filter(completed_at__isnull=False).count() == TABS
    assert count("engagement.completed") == TABS


def test_a_merge_in_between_loses_nothing(run_lanes: Callable[..., int]) -> None:
    """A merge while tabs report: no deadlock reaches a browser, everything is the winner's."""
    ann, winner = person(), person("u-2", "bob@example.com")
    runs = factories.program(
        factories.step("trigger_engagement", "eng", engagement=engagement().pk)
    )
    enroll(runs.pk, [ann], actor=None)
    run_lanes("live")
    browser = Browser(source())
    browser.identify("u-1")
    mine = tabs(browser)
    shows = [tab.look() for tab in mine]
    calls: list[Callable[[], Any]] = [
        lambda tab=tab, show=show: tab.report(show, "viewed", "dismissed")
        for tab, show in zip(mine, shows, strict=True)
    ]
    calls.insert(2, lambda: merge_people(winner, ann, actor=None))
    answers = at_once(calls)
    assert all(a.status_code == 200 for a in answers if a is not True)
    assert Invitation.objects.get().person_id == winner
    assert set(Showing.objects.values_list("person_id", flat=True)) == {winner}
    assert Visitor.objects.get().person_id == winner
    name = EventName.objects.get(name="engagement.dismissed")
    rows = Event.objects.filter(name_id=name.pk)
    assert rows.count() == TABS
    assert set(rows.values_list("person_id", flat=True)) == {winner}

"""The work list by keyboard and mouse, in a real browser (PRG-82)."""

import re
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from csplatform.accounts.models import User
from csplatform.kit.clock import now
from journeys.models import Task
from journeys.playbooks.operations.close import close_tasks
from tests import factories as make

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def mine(page: Page) -> list[Task]:
    """Three tasks of whoever is signed in, the first one late; the second asks how it went."""
    user = User.objects.order_by("-pk").first()
    today = now().date()
    kinds = [make.task_type(), make.task_type(asks_outcome=True, reasons=["Renewal"])]
    return [
        make.task(title=title, type=kinds[number == 1], assignee_id=user.pk,
                  due_on=today + timedelta(days=days))
        for number, (title, days) in enumerate((("Alpha", -1), ("Beta", 0), ("Gamma", 40)))
    ]  # fmt: skip


def status(task: Task) -> str:
    """As stored now."""
    return str(Task.objects.values_list("status", flat=True).get(pk=task.pk))


def row(page: Page, title: str) -> Any:
    """The line of a task."""
    return page.locator(".wk-row", has_text=title)


def test_a_day_by_keyboard(page: Page, live_server: Any, mine: list[Task], problems: list) -> None:
    """Next, done with undo, an outcome, snooze, help; the title counts what presses."""
    page.goto(f"{live_server.url}/work/")
    expect(page).to_have_title(re.compile(r"^\(2\) Work list"))
    page.keyboard.press("?")
    expect(page.locator("#work-help")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("e")
    expect(row(page, "Alpha")).to_have_count(0)
    expect(page).to_have_title(re.compile(r"^\(1\)"))
    assert status(mine[0]) == "closed"
    page.keyboard.press("u")
    expect(row(page, "Alpha")).to_be_visible()
    row(page, "Beta").locator(".wk-meta").click()
    page.keyboard.press("e")
    page.keyboard.press("2")
    expect(page.locator("#work-toast")).to_contain_text("Done, lost")
    assert Task.objects.get(pk=mine[1].pk).outcome == "lost"
    row(page, "Gamma").locator(".wk-meta").click()
    page.keyboard.press("s")
    page.keyboard.press("1")
    expect(page.locator("#part-snoozed")).to_be_visible()
    assert problems == []


def test_many_at_once_and_back(page: Page, live_server: Any, mine: list[Task]) -> None:
    """Choose by mouse, do with the bar, undo as one."""
    page.goto(f"{live_server.url}/work/")
    for title in ("Alpha", "Gamma"):
        row(page, title).locator(".wk-pick").check()
    expect(page.locator("#work-bulk b")).to_have_text("2 chosen")
    page.locator("#work-bulk [data-do=done]").click()
    expect(page.locator("#work-toast")).to_contain_text("2 tasks")
    expect(row(page, "Gamma")).to_have_count(0)
    page.locator(".wk-undo").click()
    expect(row(page, "Gamma")).to_be_visible()
    assert [status(task) for task in mine] == ["open"] * 3


def test_a_refresh_takes_nothing_away(page: Page, live_server: Any, mine: list[Task]) -> None:
    """What is typed, chosen and open stays; what others did appears."""
    page.goto(f"{live_server.url}/work/")
    row(page, "Gamma").locator(".wk-pick").check()
    row(page, "Gamma").locator(".wk-title").click()
    title = page.locator("#work-panel input[name=title]")
    title.fill("Gamma, half written")
    close_tasks([mine[0].pk], actor=None)
    page.evaluate("htmx.trigger('#work-filters', 'refilter')")
    expect(row(page, "Alpha")).to_have_count(0)
    expect(title).to_have_value("Gamma, half written")
    expect(row(page, "Gamma").locator(".wk-pick")).to_be_checked()
    page.locator("#work-panel .wk-form button").click()
    expect(page.locator("#work-panel .wk-note")).to_be_visible()
    expect(row(page, "Gamma, half written")).to_be_visible()


def test_filters_stand_in_the_address(page: Page, live_server: Any, mine: list[Task]) -> None:
    """Search and parts; a reload shows the same."""
    page.goto(f"{live_server.url}/work/")
    page.keyboard.press("/")
    page.keyboard.type("Gam")
    expect(row(page, "Alpha")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"q=Gam"))
    page.reload()
    expect(row(page, "Gamma")).to_be_visible()
    expect(row(page, "Beta")).to_have_count(0)
    page.locator("#work-q").fill("")
    page.locator(".wk-count", has_text="Overdue").click()
    expect(row(page, "Beta")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"due=overdue"))


def test_adding_one_about_somebody_found(page: Page, live_server: Any, mine: list[Task]) -> None:
    """Search for the company, fill in, add: it stands on the list."""
    company = make.company(name="Northwind Labs")
    page.goto(f"{live_server.url}/work/")
    page.keyboard.press("n")
    page.locator("#work-find input").press_sequentially("north")
    page.locator("#work-found button", has_text="Northwind").click()
    page.locator("#work-panel input[name=title]").fill("Say hello")
    page.locator("#work-panel .wk-form .cs-primary").click()
    expect(page.locator("#work-panel .wk-note")).to_contain_text("Added")
    expect(row(page, "Say hello")).to_be_visible()
    assert Task.objects.get(title="Say hello").company == company

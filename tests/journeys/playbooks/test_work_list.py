"""The work list and the buttons on the snapshot pages, without a browser (PRG-82, SNP-01)."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from csplatform.kit.clock import now
from journeys.models import PlaybookRun, Task
from journeys.playbooks.operations.change import comment_task
from journeys.worklist.lists import Filters
from tests import factories as make

pytestmark = pytest.mark.django_db
MARKUP = '<script>alert(1)</script>{{ 7|add:"7" }}'


@pytest.fixture
def csm():
    """Somebody with a work list."""
    return make.staff("csm")


@pytest.fixture
def window(client, csm):
    """Their browser."""
    client.force_login(csm)
    return client


def due(days: int | None):
    """A day so many days from today."""
    return None if days is None else now().date() + timedelta(days=days)


def order(page: str, *titles: str) -> list[str]:
    """The titles in the order of the page; those that are missing are left out."""
    found = [title for title in titles if f">{title}</a>" in page]
    return sorted(found, key=lambda title: page.index(f">{title}</a>"))


def test_mine_by_due_date_and_priority(window, csm):
    """PRG-82: overdue first, then by priority; snoozed last; others' not at all."""
    kind = make.task_type()
    for title, days, priority in (("Later", 30, 2), ("Undated", None, 1), ("Late low", -1, 3),
                                  ("Late high", -1, 1), ("Later still", 40, 2)):  # fmt: skip
        make.task(type=kind, title=title, due_on=due(days), priority=priority, assignee_id=csm.pk)
    make.task(type=kind, title="Somebody else’s", due_on=due(0))
    page = window.get("/work/").text
    titles = ("Later", "Undated", "Late low", "Late high", "Later still", "Somebody else’s")
    assert order(page, *titles) == ["Late high", "Late low", "Later", "Later still", "Undated"]
    assert "(2) Work list |" in page


def test_filters_are_the_address(window, csm):
    """PRG-82: what is chosen can be kept and sent on; nonsense is as if it were not there."""
    company = make.company(name="Acme")
    kind = make.task_type()
    make.task(title="Theirs", company_id=company.pk, type=kind, assignee_id=make.staff("csm").pk)
    make.task(title="Nobody’s", type=kind)
    make.task(title="Mine", assignee_id=csm.pk)
    titles = ("Theirs", "Nobody’s", "Mine")
    for query, shown in (
        ("whose=all", titles), ("whose=nobody", titles[1:2]), ("whose=team", ("Theirs", "Mine")),
        (f"whose=all&type={kind.pk}", titles[:2]), (f"whose=all&company={company.pk}", titles[:1]),
        ("whose=all&q=acme", titles[:1]), ("whose=all&priority=1", ()), ("due=overdue", ()),
        ("whose=all&due=undated", titles), ("whose=x&type=%00&due=never&shown=-1", titles[2:]),
    ):  # fmt: skip
        assert set(order(window.get(f"/work/list/?{query}").text, *titles)) == set(shown), query
    assert Filters.read({"whose": "all", "q": "a b"}).query() == "q=a+b&whose=all"


def test_doing_and_undoing(window, csm):
    """PRG-82: one request each; the answer carries what undoes it."""
    task = make.task(assignee_id=csm.pk)
    done = window.post("/work/act/", {"action": "done", "ids": [task.pk], "outcome": "lost"}).json()
    task.refresh_from_db()
    assert (task.status, task.outcome, done["said"]) == ("closed", "lost", "Done, lost.")
    window.post("/work/act/", {"action": "undo", "undo": done["undo"]})
    task.refresh_from_db()
    assert task.status == "open"
    for action, more in (
        ("snooze", {"until": "next_week"}), ("wake", {}), ("assign", {"assignee": ""}),
        ("start", {}), ("comment", {"text": "Hello"}), ("done", {}), ("reopen", {}),
    ):  # fmt: skip
        answer = window.post("/work/act/", {"action": action, "ids": [task.pk], **more})
        assert answer.status_code == 200, answer.content


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        ({"action": "explode", "ids": "1"}, "/action"), ({"action": "done"}, "/ids"),
        ({"action": "done", "ids": "999999"}, "/ids"),
        ({"action": "snooze", "ids": "1", "until": "yesterday"}, "/until"),
        ({"action": "done", "ids": "1", "outcome": "great"}, "/outcome"),
    ],
)  # fmt: skip
def test_bad_requests_are_told(window, sent, path):
    """REL-03: a sentence, never a 500."""
    answer = window.post("/work/act/", sent)
    assert answer.status_code == 400
    assert answer.json()["problems"][0]["path"] == path


def test_the_side_panel_saves_and_says_what_is_wrong(window, csm):
    """PRG-82: edit, add; errors at their inputs, with what was typed."""
    task = make.task(assignee_id=csm.pk)
    url = f"/work/tasks/{task.pk}/"
    sent = {"title": "Better", "type": task.type_id, "priority": "1", "due_on": "2030-01-07"}
    answer = window.post(url, sent)
    assert answer["HX-Trigger"] == "work-changed"
    task.refresh_from_db()
    assert (task.title, task.priority, str(task.due_on)) == ("Better", 1, "2030-01-07")
    answer = window.post(url, {**sent, "title": "", "description": "kept words"})
    assert "Write what is to be done." in answer.text
    assert "kept words" in answer.text
    answer = window.post("/work/new/", {**sent, "title": "New"})
    assert "Say whom it is about" in answer.text
    company = make.company(name="Acme")
    answer = window.post("/work/new/", {**sent, "title": "New", "company": company.pk})
    assert Task.objects.get(title="New").company == company
    assert "Acme" in window.get("/work/subjects/?q=ac").text


def test_markup_stays_text(window, csm):
    """SEC-02: in titles, descriptions, reasons and comments; on every page that shows them."""
    company = make.company(name=MARKUP)
    task = make.task(title=MARKUP, description=MARKUP, reason=MARKUP[:80], assignee_id=csm.pk,
                     company_id=company.pk)  # fmt: skip
    comment_task(task.pk, MARKUP, actor=csm)
    for url in ("/work/", f"/work/tasks/{task.pk}/", f"/companies/{company.pk}/",
                "/admin/journeys/task/", f"/admin/journeys/task/{task.pk}/change/"):  # fmt: skip
        page = window.get(url).text
        assert "<script>alert(1)" not in page, url
        assert "&lt;script&gt;alert(1)" in page, url


def test_a_list_costs_the_same_for_1_and_100(window, csm):
    """PRG-82: rows are drawn from one statement."""
    kind, costs = make.task_type(), []
    for number in (1, 99):
        for _ in range(number):
            make.task(type=kind, assignee_id=csm.pk, due_on=due(1))
        window.get("/work/list/")
        with CaptureQueriesContext(connection) as queries:
            window.get("/work/list/")
        costs.append(len(queries))
    assert costs[0] == costs[1] <= 10


def test_reading_roles_look_and_do_not_touch(client):
    """SEC-01: no buttons, no writing."""
    task = make.task()
    client.force_login(make.staff("read_only"))
    page = client.get("/work/?whose=all").text
    assert str(task) in page
    assert "data-do=" not in page.split('id="work-bulk"')[0]
    assert client.post("/work/act/", {"action": "done", "ids": [task.pk]}).status_code == 403
    assert client.get("/work/new/").status_code == 403


def test_the_snapshot_page_shows_and_does(window, csm):
    """SNP-01: open tasks in head and panel, playbooks, timeline; buttons lead back."""
    company = make.company(csm=csm)
    book = make.playbook(name="Onboarding")
    task = make.task(company_id=company.pk, title="Call them", due_on=due(-3), assignee_id=csm.pk)
    page = f"/companies/{company.pk}/"
    window.post(f"/work/playbooks/company/{company.pk}/", {"playbook": book.pk})
    text = window.get(page).text
    for words in ("Open tasks", "1 overdue", "Call them", "0 of 1", "Playbook “Onboarding” started",
                  "Task created: Call them"):  # fmt: skip
        assert words in text, words
    answer = window.post(f"/work/tasks/{task.pk}/close/", {"outcome": "", "back": "company"})
    assert answer.url.startswith(page)
    window.post(f"/work/runs/{PlaybookRun.objects.get().pk}/stop/", {"close": "1"})
    assert not Task.objects.still_open().exists()
    text = window.get(page).text
    assert "Task closed: Call them" in text
    assert "Playbook “Onboarding” stopped" in text


def test_admin_pages_and_bulk_actions(client):
    """PRG-80 to 82: every page opens; playbooks are saved with their tasks in order."""
    admin = make.staff()
    client.force_login(admin)
    company, kind = make.company(csm=make.staff("csm")), make.task_type()
    task = make.task(company_id=company.pk)
    book = make.playbook({"title": "Second"}, {"title": "First"})
    lines = {"tasks-TOTAL_FORMS": 2, "tasks-INITIAL_FORMS": 2, "tasks-MIN_NUM_FORMS": 0,
             "tasks-MAX_NUM_FORMS": 100}  # fmt: skip
    for n, row in enumerate(book.tasks.all()):
        lines |= {
            f"tasks-{n}-id": row.pk, f"tasks-{n}-playbook": book.pk, f"tasks-{n}-title": row.title,
            f"tasks-{n}-type": kind.pk, f"tasks-{n}-priority": 1, f"tasks-{n}-due_days": 4,
            f"tasks-{n}-owner_role": "csm", f"tasks-{n}-position": 1 - n,
        }  # fmt: skip
    sent = {"name": "Renamed", "subject": "company", "is_active": "on", **lines}
    url = f"/admin/journeys/playbook/{book.pk}/change/"
    assert client.post(url, sent).status_code == 302
    book.refresh_from_db()
    assert (book.name, [t.title for t in book.tasks.all()]) == ("Renamed", ["First", "Second"])
    wrong = client.post(url, {**sent, "tasks-0-title": "{{ no.such }}"}).text
    assert "There is no token “no.such”" in wrong
    chosen = {"_selected_action": [company.pk], "action": "assign_playbook"}
    assert "Renamed" in client.post("/admin/customers/company/", chosen).text
    client.post("/admin/customers/company/", {**chosen, "confirmed": 1, "playbook": book.pk})
    run = PlaybookRun.objects.get()
    assert run.tasks.count() == 2
    for page in ("task", "tasktype", "playbook", "playbookrun"):
        for more in ("", "?stand=overdue" if page == "task" else "?q=x"):
            assert client.get(f"/admin/journeys/{page}/{more}").status_code == 200
    assert client.get(f"/admin/journeys/playbookrun/{run.pk}/change/").status_code == 200
    client.post("/admin/journeys/task/", {"_selected_action": [task.pk], "action": "close_lost"})
    task.refresh_from_db()
    assert task.outcome == "lost"
    new = {"title": "By hand", "company": company.pk, "type": kind.pk, "priority": 2}
    assert client.post("/admin/journeys/task/add/", new).status_code == 302
    assert Task.objects.filter(title="By hand").exists()
    named = {"name": "Audit", "icon": "fact_check", "reasons": "A, B", "position": 3,
             "is_active": "on"}  # fmt: skip
    assert client.post("/admin/journeys/tasktype/add/", named).status_code == 302
    assert "My work" in client.get("/admin/").text or admin

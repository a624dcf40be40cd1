"""Playbooks: assigned once at a time, completed, stopped, edited, copied (PRG-80)."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from csplatform.customers.models import CompanyOwner
from csplatform.customers.operations.merge import merge_people
from csplatform.kit.errors import Conflict, DomainError
from journeys.models import Playbook, PlaybookRun, Task
from journeys.playbooks.days import due_after, section_of
from journeys.playbooks.operations.close import close_tasks, reopen_tasks
from journeys.playbooks.operations.playbooks import (
    PlaybookInput,
    clone_playbook,
    delete_playbook,
    input_of,
    save_playbook,
)
from journeys.playbooks.operations.runs import assign_playbook, stop_runs
from journeys.playbooks.subjects import Subject
from tests import factories as make
from tests.customers.race import in_threads

pytestmark = pytest.mark.django_db


def start(book: Playbook, *companies) -> list:
    """Assign it to companies; what came of each."""
    subjects = [Subject(company_id=company.pk) for company in companies]
    return assign_playbook(book.pk, subjects, actor=None)


def kinds(run_id: int) -> list[str]:
    """The history of a run."""
    run = PlaybookRun.objects.get(pk=run_id)
    return list(run.changes.order_by("id").values_list("kind", flat=True))


def test_all_tasks_at_once_each_for_its_owner():
    """PRG-80: due dates from the start, roles on the company, texts filled in."""
    csm, sponsor, other = make.staff("csm"), make.staff("csm"), make.staff("csm")
    company = make.company(csm=csm)
    CompanyOwner.objects.create(company=company, user=sponsor, role="Sponsor")
    book = make.playbook(
        {"title": "Hello {{ company.name }}"}, {"owner_role": "sponsor", "due_days": 5},
        {"owner_role": "Nobody here", "fallback_id": other.pk}, {"owner_role": ""},
        skip_weekends=False,
    )  # fmt: skip
    (run,) = start(book, company)
    tasks = list(Task.objects.filter(run=run.run_id).order_by("place"))
    assert [task.assignee for task in tasks] == [csm, sponsor, other, None]
    assert tasks[0].title == f"Hello {company.name}"
    assert tasks[1].due_on - tasks[0].due_on == timedelta(days=5)
    assert not any(task.guarded for task in tasks)


def test_never_twice_at_once_but_again_afterwards():
    """PRG-80: the second assignment finds the first; after its end a new one starts."""
    book, company = make.playbook(), make.company()
    (first,) = start(book, company)
    (again,) = start(book, company)
    assert (again.run_id, again.new) == (first.run_id, False)
    close_tasks(Task.objects.values_list("pk", flat=True), actor=None)
    assert kinds(first.run_id) == ["started", "completed"]
    (third,) = start(book, company)
    assert third.new


@pytest.mark.django_db(transaction=True)
def test_two_workers_start_one_run():
    """PRG-80: the constraint decides."""
    book, company = make.playbook({}, {}), make.company()
    errors = in_threads(*(lambda: start(book, company) for _ in range(6)))
    assert errors == []
    assert PlaybookRun.objects.count() == 1
    assert Task.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_the_last_tasks_closed_at_the_same_moment_complete_the_run():
    """PRG-80: neither sees the other's closing, yet one of them completes the run."""
    book = make.playbook({}, {}, {}, {})
    (run,) = start(book, make.company())
    ids = list(Task.objects.values_list("pk", flat=True))
    errors = in_threads(*(lambda pk=pk: close_tasks([pk], actor=None) for pk in ids))
    assert errors == []
    assert kinds(run.run_id) == ["started", "completed"]


def test_opening_a_task_again_lets_the_run_go_on():
    """PRG-80: unless it was assigned anew meanwhile."""
    book, company = make.playbook(), make.company()
    (run,) = start(book, company)
    task = Task.objects.get()
    close_tasks([task.pk], actor=None)
    reopen_tasks([task.pk], actor=None)
    assert PlaybookRun.objects.get().state == "running"
    close_tasks([task.pk], actor=None)
    start(book, company)
    reopen_tasks([task.pk], actor=None)
    assert PlaybookRun.objects.get(pk=run.run_id).state == "completed"


@pytest.mark.parametrize(("close", "left"), [(True, 0), (False, 1)])
def test_stopping_closes_or_keeps(close, left):
    """PRG-80: by choice; what was closed stays as it was."""
    (run,) = start(make.playbook({}, {}), make.company())
    first = Task.objects.order_by("pk").first()
    close_tasks([first.pk], outcome="successful", actor=None)
    assert stop_runs([run.run_id], close=close, actor=make.staff("csm")) == 1
    assert stop_runs([run.run_id], close=close, actor=None) == 0
    assert Task.objects.still_open().count() == left
    assert kinds(run.run_id) == ["started", "stopped"]
    first.refresh_from_db()
    assert first.outcome == "successful"


def test_editing_touches_no_run_under_way():
    """PRG-80: they keep what they started with."""
    book, company = make.playbook({"title": "Old"}), make.company()
    start(book, company)
    given = input_of(book)
    save_playbook(PlaybookInput("New name", tasks=[]), actor=None, playbook_id=book.pk)
    assert Task.objects.get().title == "Old"
    assert PlaybookRun.objects.get().name == given.name
    with pytest.raises(Conflict, match="no tasks"):
        start(book, make.company())


def test_what_is_wrong_is_said_with_its_place():
    """REL-03: each task by its number."""
    with pytest.raises(DomainError) as caught:
        make.playbook({}, {"title": "{{ bad"}, {"type_id": 0}, {"title": "{{ no.such }}"},
                      {"due_days": 5000})  # fmt: skip
    paths = [problem.path for problem in caught.value.problems]
    assert paths == ["/tasks/1/title", "/tasks/2/type", "/tasks/3/title", "/tasks/4/due_days"]


def test_for_companies_or_for_people():
    """PRG-80: a person's tasks are about them at their company; others are refused."""
    book = make.playbook(subject="person")
    company = make.company()
    person = make.person(at=company)
    assign_playbook(book.pk, [Subject(person_id=person.pk)], actor=None)
    task = Task.objects.get()
    assert (task.person, task.company, task.run.company) == (person, company, None)
    with pytest.raises(DomainError, match="choose a person"):
        start(book, company)
    with pytest.raises(DomainError, match="stays for whom"):
        save_playbook(PlaybookInput(book.name, subject="company"), actor=None, playbook_id=book.pk)


def test_copies_and_deletion():
    """PRG-80: a copy under a free name; what has run stays."""
    book = make.playbook({"title": "One"}, name="Onboarding")
    copy, other = clone_playbook(book.pk, actor=None), clone_playbook(book.pk, actor=None)
    assert [copy.name, other.name] == ["Onboarding (copy)", "Onboarding (copy 2)"]
    delete_playbook(copy.pk, actor=None)
    start(book, make.company())
    with pytest.raises(Conflict, match="has run"):
        delete_playbook(book.pk, actor=None)
    used = make.playbook()
    make.program(make.step("assign_playbook", "p1", playbook=used.pk), type="company")
    with pytest.raises(Conflict, match="is used by"):
        delete_playbook(used.pk, actor=None)


def test_a_merge_of_two_who_are_in_it_keeps_the_older_run():
    """CUS-04: the younger is stopped, its tasks stay."""
    book = make.playbook(subject="person")
    winner, loser = make.person(), make.person()
    runs = assign_playbook(
        book.pk, [Subject(person_id=winner.pk), Subject(person_id=loser.pk)], actor=None
    )
    merge_people(winner.pk, loser.pk, actor=None)
    states = [PlaybookRun.objects.get(pk=run.run_id).state for run in runs]
    assert states == ["running", "stopped"]
    assert Task.objects.still_open().filter(person=winner).count() == 2


def test_one_or_many_cost_the_same_queries():
    """House rule: sets, not rows."""
    book, counts = make.playbook({}, {"title": "{{ company.name }}"}), []
    start(book, make.company())
    for number in (2, 60):
        companies = [make.company() for _ in range(number)]
        with CaptureQueriesContext(connection) as queries:
            start(book, *companies)
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("weekday", range(7))
@pytest.mark.parametrize("days", [0, 1, 4, 5, 9, 23])
def test_working_days(weekday, days):
    """PRG-80: as counting them one by one."""
    first = date(2026, 3, 2) + timedelta(days=weekday)
    told = first
    while told.weekday() >= 5:
        told += timedelta(days=1)
    left = days
    while left:
        told += timedelta(days=1)
        left -= told.weekday() < 5
    assert due_after(first, days, skip_weekends=True) == told
    assert due_after(first, days, skip_weekends=False) == first + timedelta(days=days)


def test_parts_of_the_list():
    """PRG-82: each day belongs to one part, whatever the day of the week."""
    for day in range(7):
        today = date(2026, 3, 2) + timedelta(days=day)
        told = [section_of(today + timedelta(days=n), today) for n in range(-2, 9)]
        assert told[:3] == ["overdue", "overdue", "today"]
        assert told.count("week") == 6 - day
        assert told[-1] == "later"
    assert section_of(None, date(2026, 3, 2)) == "undated"

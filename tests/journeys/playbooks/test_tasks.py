"""Tasks: made, guarded, closed once, snoozed, taken back (PRG-81)."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from csplatform.customers.models import Event, EventName
from csplatform.customers.operations.erase import erase_person
from csplatform.customers.operations.merge import merge_people
from csplatform.freshness.models import Touch
from csplatform.kit.clock import database_now
from csplatform.kit.errors import Conflict, DomainError, NotAllowed
from journeys.models import Task, TaskChange
from journeys.playbooks.operations.change import (
    assign_tasks,
    comment_task,
    edit_task,
    hand_over,
    snooze_tasks,
    start_tasks,
    undo,
)
from journeys.playbooks.operations.close import close_tasks, reopen_tasks
from journeys.playbooks.operations.create import NewTask, create_tasks
from journeys.playbooks.operations.waking import pending, run_batch
from tests import factories as make
from tests.customers.race import in_threads

pytestmark = pytest.mark.django_db
SOON = date(2030, 1, 7)


def events(task: Task) -> list[str]:
    """Names of events about a task, in order."""
    names = dict(EventName.objects.values_list("pk", "name"))
    rows = Event.objects.filter(ref=task.pk).order_by("id")
    return [names[row.name_id] for row in rows]


def kinds(task: Task) -> list[str]:
    """What its history says, oldest first."""
    return list(task.changes.order_by("id").values_list("kind", flat=True))


def test_a_person_brings_the_company_along():
    """PRG-81: the task stands at the person's primary company as well."""
    company = make.company()
    task = make.task(person_id=make.person(at=company).pk)
    assert task.company == company
    assert events(task) == ["task.created"]
    touched = set(Touch.objects.filter(key="task").values_list("subject", "subject_id"))
    assert touched == {("person", task.person_id), ("company", company.pk)}


def test_a_duplicate_is_updated_not_doubled():
    """PRG-81: the earlier day and the more urgent priority win; the history says so."""
    company, kind, csm = make.company(), make.task_type(), make.staff("csm")
    about = {"company_id": company.pk, "type": kind, "reason": "Low usage", "guarded": True}
    first = make.task(**about, title="Call them", due_on=SOON, priority=2, assignee_id=csm.pk)
    other = make.task(**about, title="Call again", due_on=SOON + timedelta(days=9), priority=1)
    assert other == first
    assert (other.title, other.due_on, other.priority) == ("Call again", SOON, 1)
    assert other.assignee == csm
    assert kinds(other) == ["created", "repeated"]
    change = other.changes.get(kind="repeated")
    assert change.old == {"title": "Call them", "priority": 2}
    assert events(other) == ["task.created", "task.updated"]


@pytest.mark.parametrize(
    "other", [{"reason": "Sponsor left"}, {"guarded": False}, {"type": None}, {"company_id": None}]
)
def test_another_reason_type_or_subject_is_another_task(other):
    """PRG-81: the guard is about the same work only."""
    about = {"company_id": make.company().pk, "type": make.task_type(), "reason": "Low usage",
             "guarded": True}  # fmt: skip
    first = make.task(**about)
    if "company_id" in other:
        other = {"company_id": make.company().pk}
    assert make.task(**{**about, **other}) != first


def test_a_closed_one_is_no_duplicate_and_reopening_respects_the_guard():
    """PRG-81: after closing a new one is made; the old one cannot come back beside it."""
    about = {"company_id": make.company().pk, "type": make.task_type(), "guarded": True}
    first = make.task(**about)
    close_tasks([first.pk], actor=None)
    second = make.task(**about)
    assert second != first
    with pytest.raises(Conflict, match="open task of this subject"):
        reopen_tasks([first.pk], actor=None)


@pytest.mark.django_db(transaction=True)
def test_two_workers_make_one_task():
    """PRG-81: the constraint decides, not a look before."""
    company, kind = make.company(), make.task_type()
    one = NewTask("Call", kind.pk, company_id=company.pk, reason="Low usage", guarded=True)
    errors = in_threads(*(lambda: create_tasks([one], actor=None) for _ in range(6)))
    assert errors == []
    task = Task.objects.get()
    assert sorted(kinds(task)) == ["created"] + ["repeated"] * 5


@pytest.mark.django_db(transaction=True)
def test_two_users_close_a_task_and_one_of_them_did_it():
    """PRG-81: who, when and outcome are those of the first."""
    task = make.task()
    users = [make.staff("csm") for _ in range(4)]
    outcomes = ["successful", "lost", "", "successful"]
    errors = in_threads(
        *(lambda u=u, o=o: close_tasks([task.pk], outcome=o, actor=u)
          for u, o in zip(users, outcomes, strict=True))
    )  # fmt: skip
    assert errors == []
    task.refresh_from_db()
    assert outcomes[users.index(task.closed_by)] == task.outcome
    assert kinds(task) == ["created", "closed"]


def test_closing_tells_how_it_went_and_can_be_taken_back():
    """PRG-81, PRG-06: events closed, succeeded, lost; undo opens it as it was."""
    task = make.task()
    user = make.staff("csm")
    start_tasks([task.pk], actor=user)
    done = close_tasks([task.pk], outcome="lost", actor=user)
    assert events(task) == ["task.created", "task.closed", "task.lost"]
    assert close_tasks([task.pk], outcome="successful", actor=user).ids == ()
    undo(done.undo, actor=user)
    task.refresh_from_db()
    assert (task.status, task.outcome, task.closed_at) == ("in_progress", "", None)
    assert events(task)[-1] == "task.reopened"


def test_undo_is_refused_once_somebody_else_was_at_it():
    """PRG-81: nobody's work is lost by an undo; a comment is no obstacle."""
    task, user = make.task(), make.staff("csm")
    done = assign_tasks([task.pk], user.pk, actor=user)
    comment_task(task.pk, "On it", actor=user)
    undo(done.undo, actor=user)
    task.refresh_from_db()
    assert task.assignee is None
    again = assign_tasks([task.pk], user.pk, actor=user)
    edit_task(task.pk, {"title": "Other"}, actor=user)
    with pytest.raises(Conflict, match="changed again since"):
        undo(again.undo, actor=user)


def test_a_snoozed_task_wakes_by_itself():
    """PRG-81: at its time, without anybody looking."""
    task, user = make.task(), make.staff("csm")
    snooze_tasks([task.pk], database_now() + timedelta(hours=1), actor=user)
    assert not pending()
    Task.objects.filter(pk=task.pk).update(snoozed_until=database_now() - timedelta(seconds=1))
    assert pending()
    assert run_batch() == 1
    task.refresh_from_db()
    assert (task.status, task.snoozed_until) == ("open", None)
    assert kinds(task) == ["created", "snoozed", "woken"]
    with pytest.raises(DomainError, match="a time to come"):
        snooze_tasks([task.pk], database_now(), actor=user)


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"title": " "}, "/title"), ({"title": "x" * 201}, "/title"),
        ({"priority": 7}, "/priority"),
        ({"type_id": 0}, "/type"), ({"company_id": None}, "/person"),
        ({"company_id": 999_999}, "/company"), ({"assignee_id": 999_999}, "/assignee"),
        ({"description": "a\x00b"}, "/description"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(wrong, path):
    """REL-03: nothing is half-done."""
    values = {"title": "Call", "type_id": make.task_type().pk, "company_id": make.company().pk}
    with pytest.raises(DomainError) as caught:
        create_tasks([NewTask(**{**values, **wrong})], actor=None)
    assert [problem.path for problem in caught.value.problems] == [path]
    assert not Task.objects.exists()


def test_reasons_of_a_type_are_its_list():
    """PRG-81: a type with reasons takes no other words."""
    kind = make.task_type(reasons=["Renewal"])
    make.task(type=kind, reason="Renewal")
    with pytest.raises(DomainError, match="Renewal"):
        make.task(type=kind, reason="Something")


def test_who_may_not_change_tasks_does_not():
    """SEC-01: reading is not writing."""
    task = make.task()
    reader = make.staff("read_only")
    with pytest.raises(NotAllowed):
        close_tasks([task.pk], actor=reader)
    with pytest.raises(NotAllowed):
        create_tasks([NewTask("x", task.type_id, company_id=task.company_id)], actor=reader)
    close_tasks([task.pk], actor=make.staff("csm"))


def test_merged_and_erased_people():
    """CUS-04: a merged person's task is the winner's, an erased one's says nothing any more."""
    company = make.company()
    winner, loser = make.person(at=company), make.person(at=company, name="Zacharias Unique")
    kind = make.task_type()
    make.task(person_id=winner.pk, type=kind, guarded=True)
    task = make.task(person_id=loser.pk, type=kind, guarded=True, title="Call Zacharias Unique")
    beside = make.task(company_id=company.pk, title="Ask zacharias unique, or his colleague")
    comment_task(beside.pk, f"Wrote to {loser.email}", actor=None)
    merge_people(winner.pk, loser.pk, actor=None)
    task.refresh_from_db()
    assert task.person == winner
    assert make.task(person_id=loser.pk).person == winner
    erase_person(winner.pk, actor=None)
    task.refresh_from_db()
    beside.refresh_from_db()
    assert (task.title, task.status) == ("", "closed")
    assert beside.title == "Ask (erased), or his colleague"
    assert TaskChange.objects.get(kind="comment").text == "Wrote to (erased)"
    assert "acharias" not in str(list(TaskChange.objects.values_list("old", "new", "text")))
    with pytest.raises(DomainError, match="erased"):
        make.task(person_id=winner.pk)


def test_open_tasks_are_handed_over_with_the_company():
    """PRG-81: a new CSM takes over what the old one had, and only that."""
    old, new, other = make.staff("csm"), make.staff("csm"), make.staff("csm")
    company = make.company(csm=new)
    theirs = make.task(company_id=company.pk, assignee_id=old.pk)
    others = make.task(company_id=company.pk, assignee_id=other.pk)
    assert hand_over([company.pk], from_user=old.pk, actor=None) == {new.pk: 1}
    theirs.refresh_from_db()
    others.refresh_from_db()
    assert (theirs.assignee, others.assignee) == (new, other)


def test_tasks_of_who_left_are_of_nobody():
    """PRG-81: an inactive assignee gets nothing new, and what they had is found."""
    user = make.staff("csm")
    task = make.task(assignee_id=user.pk)
    user.is_active = False
    user.save()
    assert list(Task.objects.of_nobody()) == [task]
    with pytest.raises(DomainError, match="not active"):
        assign_tasks([task.pk], user.pk, actor=None)


def test_one_or_a_thousand_cost_the_same_queries():
    """House rule: sets, not rows - for making and for closing."""
    kind, counts = make.task_type(), []
    for number in (2, 1000):
        people = make.people(number)
        items = [NewTask("Call", kind.pk, person_id=p.pk, guarded=True) for p in people]
        warm = create_tasks(items[:1], actor=None)
        close_tasks([warm[0].task_id], actor=None)
        with CaptureQueriesContext(connection) as queries:
            made = create_tasks(items, actor=None)
            close_tasks([m.task_id for m in made], actor=None)
        counts.append(len(queries))
    assert counts[0] == counts[1]

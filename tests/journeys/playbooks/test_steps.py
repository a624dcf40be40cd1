"""Steps that make, close and wait for tasks, and that assign playbooks (PRG-07, PRG-80, PRG-81)."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from csplatform.customers.models import Membership
from csplatform.kit.clock import database_now
from csplatform.kit.errors import DomainError
from csplatform.kit.schema import parse_config
from journeys.engine.advance import advance_due
from journeys.models import Participant, PlaybookRun, Task, TaskAsk, Transition
from journeys.operations.enroll import enroll
from journeys.operations.life import stop_program
from journeys.playbooks.operations.close import close_tasks
from journeys.playbooks.operations.create import NewTask, create_tasks
from journeys.playbooks.operations.waking import pending
from journeys.steps.kind import StepBatch, StepView, Traveller
from journeys.steps.outcome import Fail
from journeys.steps.registry import step_kinds
from tests import factories as make

pytestmark = pytest.mark.django_db


def run_with(step: dict, *more: dict, subject: str = "company", travellers: int = 1, run_lanes):
    """A published program of these steps with travellers inside, advanced as far as it goes."""
    program = make.program(step, *more, type=subject)
    if subject == "company":
        rows = [make.company(csm=make.staff("csm")) for _ in range(travellers)]
    else:
        rows = make.people(travellers)
    enroll(program.pk, make.ids(rows), actor=None)
    run_lanes()
    return program, rows


def hit(key: str = "k1", **config):
    """A step that makes a task."""
    values = {"title": "Call {{ company.name }}", "type": make.task_type().pk, **config}
    exits = {"done": [make.step("exit", "d1", reason="done")],
             "time_out": [make.step("exit", "t1", reason="late")]}  # fmt: skip
    return make.step("human_task", key, exits=exits if config.get("then") == "wait" else None,
                     **values)  # fmt: skip


def test_a_task_for_the_csm_with_its_texts_filled_in(run_lanes):
    """PRG-81: title, assignee by role, due in working days, where it came from."""
    program, [company] = run_with(hit(due_days=3, priority="high"), run_lanes=run_lanes)
    task = Task.objects.get()
    assert task.title == f"Call {company.name}"
    assert (task.assignee, task.company, task.program) == (company.csm, company, program)
    assert (task.origin, task.priority, task.guarded) == ("program", 1, True)
    assert task.due_on.weekday() < 5
    assert Participant.objects.get().state == "completed"


def test_who_has_no_csm_goes_to_the_fallback_or_to_nobody(run_lanes):
    """Bad input: an owner role nobody has."""
    someone = make.staff("csm")
    sponsor = hit(role="Sponsor", fallback=someone.username, guard=False)
    run_with(sponsor, hit("k2", role="Sponsor", guard=False), run_lanes=run_lanes)
    assert set(Task.objects.values_list("assignee", flat=True)) == {someone.pk, None}


def test_two_programs_that_want_the_same_share_one_task(run_lanes):
    """PRG-81: the second one updates it and waits for the same."""
    kind = make.task_type().pk
    step = hit(type=kind, reason="Low usage")
    _, [company] = run_with(step, run_lanes=run_lanes)
    other = make.program(hit(type=kind, reason="Low usage", title="Now!"), type="company")
    enroll(other.pk, [company.pk], actor=None)
    run_lanes()
    assert Task.objects.get().title == "Now!"
    assert TaskAsk.objects.count() == 2
    evidence = Transition.objects.filter(program_id=other.pk, kind="go").get().evidence
    assert evidence["updated"] is True


@pytest.mark.parametrize(("outcome", "end"), [("successful", "done"), ("", "done"), (None, "late")])
def test_waiting_for_completion_with_a_time_out(run_lanes, outcome, end):
    """PRG-81: done when the task is closed, however; the other path when time is up."""
    run_with(hit(then="wait", limit_days=2), run_lanes=run_lanes)
    run = Participant.objects.get()
    assert (run.state, run.phase) == ("active", "waiting")
    if outcome is None:
        Participant.objects.update(due_at=database_now(), limit_at=database_now())
    else:
        close_tasks([Task.objects.get().pk], outcome=outcome, actor=make.staff("csm"))
    run_lanes()
    run.refresh_from_db()
    assert (run.state, run.end_reason) == ("completed", end)


@pytest.mark.parametrize(
    ("event", "outcome", "end"),
    [("closed_successful", "successful", "met"), ("closed_lost", "lost", "met"),
     ("closed_lost", "successful", "waiting"), ("created", None, "met"), ("closed", "lost", "met")],
)  # fmt: skip
def test_a_wait_below_hears_what_became_of_the_task(run_lanes, event, outcome, end):
    """PRG-06: created, closed, closed successful, closed lost."""
    wait = make.step(
        "conditional_wait", "w1", amount=5, unit="days",
        conditions=[{"type": "event", "step": "k1", "event": event}],
        exits={"met": [make.step("exit", "m1", reason="met")], "not_met": []},
    )  # fmt: skip
    run_with(hit(), wait, run_lanes=run_lanes)
    if outcome is not None:
        assert Participant.objects.get().phase == "waiting"
        close_tasks([Task.objects.get().pk], outcome=outcome, actor=None)
    run_lanes()
    run = Participant.objects.get()
    assert (run.end_reason or run.phase) == end


@pytest.mark.parametrize(("closes", "status"), [(True, "closed"), (False, "open")])
def test_the_task_goes_with_the_run_or_stays(run_lanes, closes, status):
    """PRG-81: closed or kept when the run is taken out, by a switch."""
    step = hit(close_with_run=closes)
    hold = make.step("wait_timer", "w1", amount=9, unit="days")
    program, _ = run_with(step, hold, run_lanes=run_lanes)
    stop_program(program.pk, actor=make.staff())
    run_lanes()
    assert Task.objects.get().status == status
    assert not pending()


def test_a_task_that_another_run_still_wants_stays(run_lanes):
    """PRG-81: closing waits for the last one who asked."""
    kind = make.task_type().pk
    hold = make.step("wait_timer", "w1", amount=9, unit="days")
    first, [company] = run_with(hit(type=kind, close_with_run=True), hold, run_lanes=run_lanes)
    other = make.program(hit(type=kind, close_with_run=True), hold, type="company")
    enroll(other.pk, [company.pk], actor=None)
    run_lanes()
    stop_program(first.pk, actor=make.staff())
    run_lanes()
    assert Task.objects.get().status == "open"
    stop_program(other.pk, actor=make.staff())
    run_lanes()
    assert Task.objects.get().status == "closed"


def test_a_step_that_runs_twice_makes_its_task_once(run_lanes):
    """House rule: everything may run twice; even where the guard is off."""
    run_with(hit(guard=False), travellers=3, run_lanes=run_lanes)
    first = Participant.objects.first().version.steps.get(key="k1")
    Participant.objects.update(
        state="active", ended_at=None, step=first, phase="run", due_at=database_now()
    )
    assert advance_due(0) == 3
    assert set(Participant.objects.values_list("state", flat=True)) == {"completed"}
    assert Task.objects.count() == 3


def test_closing_what_is_open(run_lanes):
    """PRG-07: of a type, at the subject, with an outcome; only of this program or all."""
    kind = make.task_type()
    company = make.company()
    mine = make.task(company_id=company.pk, type=kind)
    other = make.task(company_id=company.pk)
    for whose in ("program", "all"):
        program = make.program(
            make.step("close_cta", "c1", type=kind.pk, outcome="lost", whose=whose), type="company"
        )
        enroll(program.pk, [company.pk], actor=None)
        run_lanes()
        mine.refresh_from_db()
        assert mine.outcome == ("lost" if whose == "all" else "")
    other.refresh_from_db()
    assert other.is_open
    evidence = [t.evidence["closed"] for t in Transition.objects.filter(kind="go").order_by("id")]
    assert evidence == [0, 1]


def test_a_playbook_is_assigned_once_and_waited_for(run_lanes):
    """PRG-80: all its tasks at once; where it is under way nothing is started."""
    book = make.playbook({"title": "Hello {{ company.name }}"}, {"title": "Bye", "due_days": 5})
    step = make.step("assign_playbook", "p1", playbook=book.pk)
    wait = make.step(
        "conditional_wait", "w1", amount=5, unit="days",
        conditions=[{"type": "event", "step": "p1", "event": "completed"}],
        exits={"met": [make.step("exit", "m1", reason="met")], "not_met": []},
    )  # fmt: skip
    _, [company] = run_with(step, wait, run_lanes=run_lanes)
    other = make.program(step, wait, type="company")
    enroll(other.pk, [company.pk], actor=None)
    run_lanes()
    run = PlaybookRun.objects.get()
    titles = list(run.tasks.order_by("place").values_list("title", flat=True))
    assert titles == [f"Hello {company.name}", "Bye"]
    close_tasks(run.tasks.values_list("pk", flat=True), actor=None)
    run_lanes()
    run.refresh_from_db()
    assert run.state == "completed"
    assert set(Participant.objects.values_list("end_reason", flat=True)) == {"met"}


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"title": ""}, "/title"), ({"title": "{{ nonsense.name }}"}, "/title"),
        ({"description": "{% if %}"}, "/description"), ({"type": None}, "/type"),
        ({"assignee": "user"}, "/user"), ({"fallback": "who"}, "/fallback"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_step_blocks_publishing(config, path):
    """PRG-11: a sentence at the field."""
    with pytest.raises(DomainError) as caught:
        make.program(hit(**config), type="company")
    assert [p.path.endswith(path) for p in caught.value.problems if p.level == "error"] == [True]


def test_ten_thousand_tasks_by_one_step(run_lanes):
    """Bad input: a whole customer base at once."""
    program = make.program(hit(title="Call {{ person.name }}"))
    people = make.people(10_000)
    enroll(program.pk, make.ids(people), actor=None)
    began = database_now()
    run_lanes()
    assert Task.objects.count() == 10_000
    assert database_now() - began < timedelta(seconds=60)


@pytest.mark.parametrize("key", ["human_task", "waiting", "close_cta", "assign_playbook"])
def test_one_or_a_thousand_travellers_cost_the_same_queries(key):
    """House rule: sets, not rows - with things that are really there."""
    text = "{{ person.name }} at {{ company.name }}"
    config = {
        "human_task": {"title": text, "type": make.task_type().pk},
        "waiting": {"title": text, "type": make.task_type().pk, "then": "wait"},
        "close_cta": {"whose": "all"},
        "assign_playbook": {"playbook": make.playbook({"title": text}, subject="person").pk},
    }[key]
    kind = step_kinds.get("human_task" if key == "waiting" else key)
    step = StepView(1, "k1", kind, "One", parse_config(kind.Config, config), 1, 1)
    counts = []
    for number in (2, 2, 1000):
        company = make.company(csm=make.staff("csm"))
        people = make.people(number)
        Membership.objects.bulk_create(
            Membership(person=person, company=company, is_primary=True) for person in people
        )
        if key == "close_cta":
            type_id = make.task_type().pk
            create_tasks([NewTask("T", type_id, person_id=p.pk) for p in people], actor=None)
        now = database_now()
        travellers = [
            Traveller(n, 1, 1, p.pk, None, None, 0, {}, now, "run", None)
            for n, p in enumerate(people, 1)
        ]
        batch = StepBatch(step, "person", travellers, now, {"k1": step})
        with transaction.atomic(), CaptureQueriesContext(connection) as queries:
            outcomes = kind.run(batch)
            transaction.set_rollback(True)
        assert len(outcomes) == number
        assert not any(isinstance(outcome, Fail) for outcome in outcomes.values())
        counts.append(len(queries))
    assert counts[1] == counts[2]

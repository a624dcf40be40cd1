"""The demo tenant's work: three playbooks in motion, tasks of every stand for each CSM."""

from datetime import timedelta
from typing import Any

from csplatform.customers.models import Company
from csplatform.demo.parts import DemoPart, World, demo_parts
from csplatform.kit import sql
from journeys.models import Playbook, PlaybookRun, TaskType
from journeys.playbooks.days import snoozed_until
from journeys.playbooks.operations.change import comment_task, snooze_tasks, start_tasks
from journeys.playbooks.operations.close import close_tasks
from journeys.playbooks.operations.create import NewTask, create_tasks
from journeys.playbooks.operations.playbooks import PlaybookInput, TaskLine, save_playbook
from journeys.playbooks.operations.runs import assign_playbook
from journeys.playbooks.subjects import Subject

# name, description, expected days, (title, type, reason, days after the start)
PLAYBOOKS: tuple[tuple[str, str, int, tuple[tuple[str, str, str, int], ...]], ...] = (
    (
        "Onboarding",
        "From the signature to the first value, in six weeks.",
        42,
        (
            ("Kick-off call with {{ company.name }}", "Meeting", "Kick-off", 2),
            ("Send the plan for the first weeks", "Email", "", 3),
            ("Training for the team", "Meeting", "Training", 10),
            ("Check the first projects", "To-do", "", 15),
            ("Ask how the first month went", "Call", "", 20),
        ),
    ),
    (
        "Renewal",
        "Starts 60 days before the renewal.",
        60,
        (
            ("Prepare the value report for {{ company.name }}", "To-do", "", 3),
            ("Business review", "Meeting", "Business review", 10),
            ("Send the offer", "Email", "", 20),
            ("Close the renewal", "Lifecycle", "Renewal", 30),
        ),
    ),
    (
        "At risk",
        "When use falls or the sponsor leaves.",
        21,
        (
            ("Find out what happened at {{ company.name }}", "Risk", "Low usage", 1),
            ("Agree on a plan with the customer", "Call", "", 5),
            ("Look again whether it helped", "To-do", "", 14),
        ),
    ),
)
# title, type, reason, priority, days from today (None: no date)
BY_HAND: tuple[tuple[str, str, str, int, int | None], ...] = (
    ("Call back about the invoice", "Call", "", 1, -4),
    ("Usage has halved since last month", "Risk", "Low usage", 1, -2),
    ("Send the notes of the last meeting", "Email", "", 2, -1),
    ("Quarterly review", "Meeting", "Business review", 2, 0),
    ("Answer the question about permissions", "Email", "", 2, 0),
    ("Ask for more seats", "Expansion", "More seats", 2, 1),
    ("Introduce the new sponsor", "Call", "", 2, 2),
    ("Invite to the customer day", "Email", "", 3, 9),
    ("Collect feedback on reports", "To-do", "", 3, 16),
    ("Update the account plan", "To-do", "", 2, None),
    ("Wait for the legal team", "To-do", "", 2, 3),
    ("Thank them for the review", "Email", "", 3, -6),
    ("Rescue call with the team lead", "Risk", "Sponsor left", 1, -8),
)


def register() -> None:
    """Called once at start by journeys.playbooks.registrations."""
    demo_parts.register("playbooks", DemoPart(30, "playbooks in motion", build_playbooks))
    demo_parts.register("tasks", DemoPart(31, "tasks of the CSMs", build_tasks))


def build_playbooks(world: World) -> None:
    """Some just begun, some half done, one that takes too long, some completed."""
    types = _types()
    for name, description, expected, lines in PLAYBOOKS:
        tasks = [TaskLine(title, types[type_], reason=reason, due_days=days)
                 for title, type_, reason, days in lines]  # fmt: skip
        given = PlaybookInput(name, description, expected_days=expected, tasks=tasks)
        save_playbook(given, actor=world.staff["manager"])
    for name, stage, count in (("Onboarding", "onboarding", 12), ("Renewal", "renewal", 8),
                               ("At risk", "live", 6)):  # fmt: skip
        found = Company.objects.filter(stage=stage, csm__isnull=False, status="active")
        ids = list(found.order_by("pk").values_list("pk", flat=True)[:count])
        book = Playbook.objects.get(name=name)
        runs = assign_playbook(
            book.pk, [Subject(company_id=pk) for pk in ids], actor=world.staff["manager"]
        )
        _advance(world, [run.run_id for run in runs])


def _advance(world: World, runs: list[int]) -> None:
    """Let time have passed: some tasks are done, a sixth of the runs is over its time."""
    for number, run_id in enumerate(runs):
        run = PlaybookRun.objects.get(pk=run_id)
        tasks = list(run.tasks.select_related("assignee").order_by("place"))
        done = tasks[: number % (len(tasks) + 1)]
        owner: Any = tasks[0].assignee or world.staff["csm1"]
        close_tasks([task.pk for task in done], outcome="successful", actor=owner)
        age = 3 * (number % 6) + (60 if number % 6 == 4 else 0)
        # No operation writes the past: the demo's has to be made by hand.
        for table, column, where in (
            ("playbookrun", "due_on", "id"), ("task", "due_on", "run_id"),
        ):  # fmt: skip
            sql.run(
                f"UPDATE journeys_{table} SET {column} = {column} - %s WHERE {where} = %s",
                [age, run_id],
            )


def build_tasks(world: World) -> None:
    """The day of each CSM: overdue, today, later, snoozed, under way, done."""
    types = _types()
    for name in ("csm1", "csm2", "csm3"):
        user = world.staff[name]
        companies = list(Company.objects.filter(csm=user).order_by("pk")[: len(BY_HAND)])
        items = [
            NewTask(
                title, types[type_], company_id=company.pk, assignee_id=user.pk, reason=reason,
                priority=priority, guarded=bool(reason),
                due_on=None if days is None else world.now.date() + timedelta(days=days),
            )
            for (title, type_, reason, priority, days), company in zip(
                BY_HAND, companies, strict=False
            )
        ]  # fmt: skip
        made = [m.task_id for m in create_tasks(items, actor=user)]
        start_tasks(made[3:4], actor=user)
        until = snoozed_until("next_week", user, world.now)
        assert until is not None
        snooze_tasks(made[10:11], until, actor=user)
        close_tasks(made[11:12], actor=user)
        close_tasks(made[12:13], outcome="lost", actor=user)
        comment_task(made[1], "The team lead is on leave until Monday; I try the deputy.",
                     actor=user)  # fmt: skip
    nobody = Company.objects.order_by("pk")[:2]
    create_tasks(
        [NewTask("Find a new owner for this account", types["To-do"], company_id=company.pk,
                 due_on=world.now.date() + timedelta(days=1)) for company in nobody],
        actor=world.staff["manager"],
    )  # fmt: skip


def _types() -> dict[str, int]:
    return dict(TaskType.objects.values_list("name", "pk"))

"""Tasks in the book; what is overdue counts as on the work list, to which the numbers lead."""

from functools import partial
from typing import Any

from django.urls import reverse, reverse_lazy

from csplatform.adminkit.navigation import Entry
from csplatform.snapshots.book import (
    Cell,
    Column,
    Filter,
    Line,
    columns,
    filters,
    neighbours,
    sources,
)

VIEW = "journeys.view_task"


def register() -> None:
    """Called once by playbooks.registrations."""
    sources.register(
        "tasks",
        "SELECT company_id, count(*) AS open, count(*) FILTER ("
        "WHERE status <> 'snoozed' AND due_on < %(today)s::date) AS overdue"
        " FROM journeys_task WHERE status <> 'closed' AND {within} GROUP BY company_id",
    )
    columns.register(
        "tasks",
        Column("tasks", "Open tasks", 60, "coalesce(tasks.open, 0)", "tasks", cell=_open,
               falling=True, figures=True, permission=VIEW),
    )  # fmt: skip
    columns.register(
        "overdue",
        Column("overdue", "Overdue tasks", 61, "coalesce(tasks.overdue, 0)", "tasks",
               cell=_overdue, falling=True, figures=True, permission=VIEW),
    )  # fmt: skip
    choices = {"overdue": ("Overdue tasks", "tasks.overdue > 0"),
               "none": ("No open tasks", "tasks.open IS NULL")}  # fmt: skip
    filters.register("tasks", Filter("tasks", "Any tasks", 40, choices, "tasks", VIEW))
    link = partial(str, reverse_lazy("work"))
    neighbours.register("work", Entry("Work", 10, "Work list", "checklist", link, VIEW))


def _open(value: int, more: Any, line: Line) -> Cell:
    return Cell(value, _link(line) if value else "")


def _overdue(value: int, more: Any, line: Line) -> Cell:
    return Cell(value, f"{_link(line)}&due=overdue", tone="bad") if value else Cell(0)


def _link(line: Line) -> str:
    return f"{reverse('work')}?whose=all&company={line.company_id}"

"""Tasks and playbooks on the snapshot pages, their timeline entries and cards on the home page."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db.models import Count, Q
from django.http import HttpRequest
from django.urls import reverse

from csplatform.adminkit.home import Figure
from csplatform.customers.models import AttributeChange, Company
from csplatform.kit import sql
from csplatform.kit.clock import now
from csplatform.snapshots.timeline import Entry
from journeys.models import Playbook, PlaybookRun, Task
from journeys.playbooks.days import today_of
from journeys.worklist.lists import Filters, counts_of, tasks_for

SHOWN = 8
END = (datetime(9999, 1, 1, tzinfo=UTC), 2**62)
Bound = tuple[datetime, int] | None


def tasks_panel(column: str) -> Callable[[int, Any, datetime], dict[str, Any]]:
    """Loader of open tasks by "person" or "company"; shown even when there is none, to add one."""

    def load(subject_id: int, user: Any, moment: datetime) -> dict[str, Any]:
        mine = Task.objects.filter(**{column: subject_id})
        open_ = mine.still_open().told().order_by("due_on", "priority", "id")
        rows = list(open_[: SHOWN + 1])
        return {
            "column": column,
            "tasks": rows[:SHOWN],
            "more": len(rows) > SHOWN,
            "today": today_of(user, moment),
            "may_change": user.has_perm("journeys.change_task"),
            "may_add": user.has_perm("journeys.add_task"),
            "left": _of_former_csm(subject_id) if column == "company" and rows else None,
        }

    return load


def _of_former_csm(company_id: int) -> dict[str, Any] | None:
    """Open tasks that are still with whoever was CSM before, to be handed over."""
    company = Company.objects.select_related("csm").get(pk=company_id)
    if company.csm is None or not company.csm.is_active:
        return None
    before = AttributeChange.objects.filter(subject="company", subject_id=company_id, name="csm")
    former = [v for v in before.values_list("old", flat=True) if v and v != company.csm_id]
    tasks = Task.objects.still_open().filter(company=company_id, assignee__in=former)
    found = tasks.values("assignee", "assignee__username").annotate(n=Count("pk")).order_by("-n")
    first = found.first()
    return {**first, "csm": company.csm} if first else None


def playbooks_panel(column: str) -> Callable[[int, Any, datetime], dict[str, Any] | None]:
    """Loader of playbook runs; hidden where there is none and none could be assigned."""

    def load(subject_id: int, user: Any, moment: datetime) -> dict[str, Any] | None:
        rows = PlaybookRun.objects.filter(**{column: subject_id}).order_by("-id").annotate(
            all_tasks=Count("tasks"), done_tasks=Count("tasks", filter=Q(tasks__status="closed"))
        )[: SHOWN]  # fmt: skip
        today = moment.date()
        runs = [(run, run.is_overdue(today)) for run in rows]
        may = user.has_perm("journeys.add_playbookrun")
        books = list(Playbook.objects.filter(subject=column, is_active=True)) if may else []
        if not runs and not books:
            return None
        under_way = {run.playbook_id for run, _ in runs if run.state == "running"}
        return {
            "column": column, "runs": runs,
            "books": [book for book in books if book.pk not in under_way],
            "may_stop": user.has_perm("journeys.change_playbookrun"),
        }  # fmt: skip

    return load


def open_tasks_figure(company: Company, user: Any) -> Figure | None:
    """How many tasks are open at a company, for the head of its page."""
    if not user.has_perm("journeys.view_task"):
        return None
    tasks = Task.objects.still_open().filter(company=company)
    found = tasks.aggregate(
        all=Count("pk"), late=Count("pk", filter=Q(due_on__lt=today_of(user, now())))
    )
    link = f"{reverse('work')}?whose=all&company={company.pk}"
    note = f"{found['late']} overdue" if found["late"] else ""
    return Figure("Open tasks", found["all"], link if found["all"] else "",
                  "warn" if note else "", note)  # fmt: skip


# --- timeline -------------------------------------------------------------------------------


def task_timeline(column: str) -> Callable[[int, Bound, int], Sequence[Entry]]:
    """Loader of tasks created and closed, by "person" or "company"."""

    def load(subject_id: int, bound: Bound, limit: int) -> list[Entry]:
        at, key = bound or END
        found = sql.rows(
            "SELECT c.id, c.at, c.kind, t.id, t.title, t.outcome, c.new->>'outcome', u.username,"
            " y.name"
            " FROM journeys_task t JOIN journeys_tasktype y ON y.id = t.type_id"
            " JOIN journeys_taskchange c ON c.task_id = t.id"
            "  AND c.kind IN ('created', 'closed', 'reopened')"
            " LEFT JOIN accounts_user u ON u.id = c.by_id"
            f" WHERE t.{column}_id = %s AND (c.at, c.id) < (%s, %s)"
            " ORDER BY c.at DESC, c.id DESC LIMIT %s",
            [subject_id, at, key, limit],
        )
        return [_task_entry(row, subject_id, column) for row in found]

    return load


def _task_entry(row: tuple[Any, ...], subject_id: int, column: str) -> Entry:
    change_id, at, kind, _, title, _, outcome, by, type_ = row
    verb = {"created": "Task created", "reopened": "Task opened again"}.get(
        kind, f"Task closed, {outcome}" if outcome else "Task closed"
    )
    link = f"{reverse('work')}?whose=all&{column}={subject_id}" if column == "company" else ""
    detail = f"{type_}" + (f", by {by}" if by else "")
    return Entry(at, change_id, f"{verb}: {title or 'erased'}", detail, link)


def playbook_timeline(column: str) -> Callable[[int, Bound, int], Sequence[Entry]]:
    """Loader of playbooks started, completed and stopped."""

    def load(subject_id: int, bound: Bound, limit: int) -> list[Entry]:
        at, key = bound or END
        found = sql.rows(
            "SELECT c.id, c.at, c.kind, r.id, r.name, u.username FROM journeys_playbookrun r"
            " JOIN journeys_playbookchange c ON c.run_id = r.id"
            " LEFT JOIN accounts_user u ON u.id = c.by_id"
            f" WHERE r.{column}_id = %s AND (c.at, c.id) < (%s, %s)"
            " ORDER BY c.at DESC, c.id DESC LIMIT %s",
            [subject_id, at, key, limit],
        )
        page = "admin:journeys_playbookrun_change"
        return [
            Entry(at_, change_id, f"Playbook “{name}” {'goes on' if kind == 'resumed' else kind}",
                  f"by {by}" if by else "", reverse(page, args=[run_id]))
            for change_id, at_, kind, run_id, name, by in found
        ]  # fmt: skip

    return load


# --- home -----------------------------------------------------------------------------------


def my_work(request: HttpRequest) -> Sequence[Figure]:
    """What waits for whoever is signed in; hidden from who has no tasks."""
    mine = tasks_for(Filters(), request.user)
    counts = counts_of(mine, today_of(request.user, now()))
    if not any(counts.values()):
        return []
    work = reverse("work")
    late = counts["overdue"]
    return [
        Figure("Overdue", late, f"{work}?due=overdue", "bad" if late else "",
               "of my tasks" if late else ""),
        Figure("Today", counts["today"], f"{work}?due=today"),
        Figure("This week", counts["week"], f"{work}?due=week"),
        Figure("Snoozed", counts["snoozed"], f"{work}?due=snoozed"),
    ]  # fmt: skip


def work_of_nobody(request: HttpRequest) -> Figure | None:
    """Open tasks that nobody has, or somebody who left."""
    if not request.user.has_perm("journeys.change_task"):
        return None
    count = Task.objects.still_open().of_nobody()[:1000].count()
    if not count:
        return None
    shown: int | str = count if count < 1000 else "over 1,000"
    return Figure("Tasks", shown, f"{reverse('work')}?whose=nobody", "warn", "are of nobody")

"""What the work list shows: filters from the address, tasks in their sections, counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, F, Q

from csplatform.accounts.models import User
from journeys.models import Task
from journeys.models.task import AT_WORK, Priority, TaskQuerySet, TaskStatus
from journeys.playbooks.days import Section, section_of, sections, today_of

PAGE = 100
MOST = 2000
SNOOZED = 100
LATELY = timedelta(days=14)
# Keys of the filter "due", in the order of the page.
DUE = {
    "overdue": "Overdue", "today": "Today", "week": "This week", "later": "Later",
    "undated": "No date", "snoozed": "Snoozed",
}  # fmt: skip
WHOSE = {"mine": "My tasks", "team": "My team’s", "nobody": "Of nobody", "all": "Everybody’s"}


@dataclass(frozen=True)
class Filters:
    """The choices of the toolbar; what cannot be read is as if it were not there.

    Attributes:
        whose: a key of WHOSE, or the id of a user. "team": everybody with the same role.
        show: "open", or "done" for what was closed lately.
        shown: how many at most.
    """

    search: str = ""
    whose: str = "mine"
    due: str = ""
    type: int | None = None
    priority: int | None = None
    company: int | None = None
    program: int | None = None
    show: str = "open"
    shown: int = PAGE

    @classmethod
    def read(cls, data: Mapping[str, str]) -> "Filters":
        """From a query string."""
        whose = data.get("whose", "mine")
        return cls(
            search=data.get("q", "").replace("\x00", "").strip()[:200],
            whose=whose if whose in WHOSE or _id(whose) else "mine",
            due=data.get("due", "") if data.get("due") in DUE else "",
            type=_id(data.get("type", "")),
            priority=_id(data.get("priority", "")),
            company=_id(data.get("company", "")),
            program=_id(data.get("program", "")),
            show="done" if data.get("show") == "done" else "open",
            shown=min(_id(data.get("shown", "")) or PAGE, MOST),
        )

    def query(self, **changes: Any) -> str:
        """The address's query string, without what is as usual."""
        values = {
            "q": self.search, "whose": self.whose if self.whose != "mine" else "", "due": self.due,
            "type": self.type, "priority": self.priority, "company": self.company,
            "program": self.program, "show": self.show if self.show != "open" else "",
            "shown": self.shown if self.shown != PAGE else "",
        } | changes  # fmt: skip
        return urlencode({name: value for name, value in values.items() if value})

    @property
    def narrowed(self) -> bool:
        """Whether anything but whose they are is chosen."""
        return bool(self.query(whose="", show="", shown=""))


@dataclass(frozen=True)
class Part:
    """A section of the page with its tasks and how many there are in all."""

    key: str
    label: str
    count: int
    tasks: Sequence[Task] = field(default=())


@dataclass(frozen=True)
class WorkList:
    """Everything that the list shows. `more`: the number to show next, 0 when all are there."""

    parts: Sequence[Part]
    counts: Mapping[str, int]
    more: int
    today: date

    @property
    def pressing(self) -> int:
        """Overdue or due today: the number in the browser's title."""
        return self.counts["overdue"] + self.counts["today"]

    @property
    def total(self) -> int:
        """All open ones that fit the filters."""
        return sum(self.counts.values())


def work_list(filters: Filters, user: Any, now: datetime) -> WorkList:
    """The list of a user; four queries, whatever its length."""
    today = today_of(user, now)
    fitting = tasks_for(filters, user)
    counts = counts_of(fitting, today)
    if filters.show == "done":
        return WorkList([_done(fitting, filters, now)], counts, 0, today)
    shown = _due_filter(fitting.filter(AT_WORK), filters.due, today)
    wants_work, wants_snoozed = filters.due != "snoozed", filters.due in ("", "snoozed")
    rows: list[Task] = []
    if wants_work:
        order = (F("due_on").asc(nulls_last=True), "priority", "id")
        rows = list(shown.told().order_by(*order)[: filters.shown + 1])
    more = filters.shown + PAGE if len(rows) > filters.shown and filters.shown < MOST else 0
    grouped: dict[str, list[Task]] = {key: [] for key in DUE}
    for task in rows[: filters.shown]:
        grouped[section_of(task.due_on, today)].append(task)
    if wants_snoozed and not more:
        asleep = fitting.filter(status=TaskStatus.SNOOZED).told().order_by("snoozed_until", "id")
        grouped["snoozed"] = list(asleep[:SNOOZED])
    parts = [Part(key, label, counts[key], grouped[key]) for key, label in DUE.items()
             if grouped[key]]  # fmt: skip
    return WorkList(parts, counts, more, today)


def tasks_for(filters: Filters, user: Any) -> TaskQuerySet:
    """All tasks that fit everything but the state and the due date."""
    found = _whose(Task.objects.all(), filters.whose, user)
    for name in ("type", "priority", "company", "program"):
        value = getattr(filters, name)
        if value:
            found = found.filter(**{name: value})
    for word in filters.search.split()[:5]:
        found = found.filter(
            Q(title__icontains=word)
            | Q(company__name__icontains=word)
            | Q(person__name__icontains=word)
            | Q(reason__icontains=word)
        )
    return found


def _whose(tasks: TaskQuerySet, whose: str, user: Any) -> TaskQuerySet:
    if whose == "all":
        return tasks
    if whose == "nobody":
        return tasks.of_nobody()
    if whose == "team":
        team = User.objects.filter(role=user.role, is_active=True).values_list("pk", flat=True)
        return tasks.filter(assignee__in=list(team))
    return tasks.filter(assignee=user.pk if whose == "mine" else int(whose))


def _due_filter(tasks: TaskQuerySet, due: str, today: date) -> TaskQuerySet:
    if due == "undated":
        return tasks.filter(due_on=None)
    return next((tasks.filter(_within(s)) for s in sections(today) if s.key == due), tasks)


def _within(section: Section) -> Q:
    found = Q(due_on__isnull=False)
    if section.first:
        found &= Q(due_on__gte=section.first)
    if section.last:
        found &= Q(due_on__lte=section.last)
    return found


def counts_of(fitting: TaskQuerySet, today: date) -> dict[str, int]:
    """How many of each section; the two partial indexes of the list answer it."""
    asked = {section.key: Count("pk", filter=_within(section)) for section in sections(today)}
    asked["undated"] = Count("pk", filter=Q(due_on=None))
    found = fitting.filter(AT_WORK).order_by().aggregate(**asked)
    found["snoozed"] = fitting.filter(status=TaskStatus.SNOOZED).count()
    return {key: found[key] for key in DUE}


def _done(fitting: TaskQuerySet, filters: Filters, now: datetime) -> Part:
    closed = fitting.filter(status=TaskStatus.CLOSED, closed_at__gte=now - LATELY)
    rows = list(closed.told().order_by("-closed_at")[: filters.shown])
    return Part("done", "Done in the last two weeks", len(rows), rows)


def _id(text: str) -> int | None:
    """A positive number of the address, None for anything else."""
    fit = text.isdecimal() and len(text) < 19 and int(text) > 0
    return int(text) if fit else None


PRIORITIES = [(int(value), label) for value, label in Priority.choices]

"""What people have to do: tasks, their types, their history."""

from datetime import date
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.postgres.fields import ArrayField
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

REASON = 80


class TaskType(models.Model):
    """A kind of work: call, meeting, risk ... The list is kept by admins."""

    name = models.CharField(max_length=60, unique=True)
    icon = models.CharField(
        max_length=40,
        default="task_alt",
        help_text="A Material Symbols name, e.g. call, event, warning.",
    )
    asks_outcome = models.BooleanField(
        "asks how it went",
        default=False,
        help_text="Closing asks for successful or lost, so that programs and goals can tell.",
    )
    reasons = ArrayField(
        models.CharField(max_length=REASON),
        default=list,
        blank=True,
        help_text="What may be chosen as the reason, separated by commas; empty takes any words.",
    )
    position = models.PositiveSmallIntegerField(default=0, help_text="Place in lists.")
    is_active = models.BooleanField(
        "active", default=True, help_text="Switched off, no new task gets it; the old ones stay."
    )

    personal_columns = ()

    class Meta:
        ordering = ["position", "name"]
        verbose_name = "task type"

    def __str__(self) -> str:
        return self.name


class TaskStatus(models.TextChoices):
    """Where a task stands. All but the last are open."""

    OPEN = "open", "Open"
    IN_PROGRESS = "in_progress", "In progress"
    SNOOZED = "snoozed", "Snoozed"
    CLOSED = "closed", "Closed"


class Outcome(models.TextChoices):
    """How a closed task went."""

    NONE = "", "No outcome"
    SUCCESSFUL = "successful", "Successful"
    LOST = "lost", "Lost"


class Priority(models.IntegerChoices):
    """Smaller is more urgent."""

    HIGH = 1, "High"
    NORMAL = 2, "Normal"
    LOW = 3, "Low"


class TaskOrigin(models.TextChoices):
    """Where a task came from."""

    HAND = "hand", "By hand"
    PROGRAM = "program", "Program"
    PLAYBOOK = "playbook", "Playbook"


STILL_OPEN = ~Q(status=TaskStatus.CLOSED)
AT_WORK = Q(status__in=[TaskStatus.OPEN, TaskStatus.IN_PROGRESS])


class TaskQuerySet(models.QuerySet["Task"]):
    """Set reads of tasks."""

    def still_open(self) -> "TaskQuerySet":
        """Everything that is not closed, snoozed ones too."""
        return self.filter(STILL_OPEN)

    def overdue(self, today: date) -> "TaskQuerySet":
        """Open ones whose day is over."""
        return self.still_open().filter(due_on__lt=today)

    def of_nobody(self) -> "TaskQuerySet":
        """Without assignee, or with one who left."""
        left = get_user_model().objects.filter(is_active=False).order_by()
        return self.filter(Q(assignee=None) | Q(assignee__in=left))

    def told(self) -> "TaskQuerySet":
        """With everything that a line about a task shows."""
        return self.select_related(
            "type", "person", "company", "assignee", "program", "run", "closed_by"
        )


class Task(models.Model):
    """Something that one of ours has to do about a customer (HIT, CTA).

    About a person, a company, or a person at a company. Of tasks that are `guarded`, one is open
    per subject, type and reason; the next one updates it.
    """

    title = models.CharField(max_length=200, blank=True, default="")
    description = models.TextField(blank=True, default="")
    person = models.ForeignKey(
        "customers.Person",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    company = models.ForeignKey(
        "customers.Company",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    type = models.ForeignKey(TaskType, on_delete=models.PROTECT, related_name="tasks")
    reason = models.CharField(max_length=REASON, blank=True, default="")
    guarded = models.BooleanField(default=False, editable=False)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,
    )
    due_on = models.DateField("due", null=True, blank=True)
    priority = models.SmallIntegerField(choices=Priority, default=Priority.NORMAL)
    status = models.CharField(max_length=12, choices=TaskStatus, default=TaskStatus.OPEN)
    snoozed_until = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True, default=Outcome.NONE)
    origin = models.CharField(max_length=10, choices=TaskOrigin, default=TaskOrigin.HAND)
    program = models.ForeignKey(
        "journeys.Program", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    run = models.ForeignKey(
        "journeys.PlaybookRun",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="tasks",
    )
    place = models.PositiveSmallIntegerField(default=0, help_text="Its place in the playbook.")
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,
    )
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,
    )
    updated_at = models.DateTimeField(auto_now=True)

    personal_columns = ("title", "description")
    objects = TaskQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(person__isnull=False) | Q(company__isnull=False),
                name="task_has_a_subject",
            ),
            models.CheckConstraint(
                condition=Q(status=TaskStatus.CLOSED, closed_at__isnull=False)
                | (~Q(status=TaskStatus.CLOSED) & Q(closed_at=None, outcome=Outcome.NONE)),
                name="task_closed_has_a_time",
            ),
            models.CheckConstraint(
                condition=Q(status=TaskStatus.SNOOZED, snoozed_until__isnull=False)
                | (~Q(status=TaskStatus.SNOOZED) & Q(snoozed_until=None)),
                name="task_snoozed_has_an_end",
            ),
            # The duplicate guard (PRG-81); nobody is one value here, so that it holds for
            # companies' own tasks as well.
            models.UniqueConstraint(
                fields=["person", "company", "type", "reason"],
                condition=Q(guarded=True) & STILL_OPEN,
                nulls_distinct=False,
                name="one_open_task_of_a_reason",
            ),
        ]
        indexes = [
            # the work list of one, and of everybody
            models.Index(
                "assignee", "due_on", "priority", "id", condition=AT_WORK, name="task_mine"
            ),
            models.Index("due_on", "priority", "id", condition=AT_WORK, name="task_everybodys"),
            # who has snoozed what; waking
            models.Index("snoozed_until", condition=Q(status="snoozed"), name="task_wake"),
            # rules, panels and lists about one customer
            models.Index(fields=["company", "status"], name="task_of_company"),
            models.Index(fields=["person", "status"], name="task_of_person"),
            # what was done lately
            models.Index(
                "assignee", F("closed_at").desc(), condition=Q(status="closed"), name="task_done"
            ),
        ]

    def __str__(self) -> str:
        return self.title or "Task about somebody who was erased"

    @property
    def is_open(self) -> bool:
        """Whether anything is left to do."""
        return self.status != TaskStatus.CLOSED

    @property
    def subject_label(self) -> str:
        """Whom it is about."""
        return str(self.person or self.company)

    @property
    def subject_url(self) -> str:
        """Their snapshot."""
        if self.person_id:
            return reverse("person-snapshot", args=[self.person_id])
        return reverse("company-snapshot", args=[self.company_id])

    @property
    def origin_label(self) -> str:
        """Where it came from, by name."""
        if self.run is not None:
            return f"Playbook {self.run.name}"
        if self.program is not None:
            return f"Program {self.program}"
        return str(self.get_origin_display())


class ChangeKind(models.TextChoices):
    """What happened to a task."""

    CREATED = "created", "Created"
    REPEATED = "repeated", "Asked for again"
    EDITED = "edited", "Changed"
    ASSIGNED = "assigned", "Assigned"
    STARTED = "started", "Started"
    SNOOZED = "snoozed", "Snoozed"
    WOKEN = "woken", "Woken"
    CLOSED = "closed", "Closed"
    REOPENED = "reopened", "Reopened"
    UNDONE = "undone", "Taken back"
    COMMENT = "comment", "Comment"


class TaskChange(models.Model):
    """One entry of a task's history. Append-only: as-of rules and undo read it.

    `old` and `new` hold the columns that changed, as JSON.
    """

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="changes")
    kind = models.CharField(max_length=10, choices=ChangeKind)
    at = models.DateTimeField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    old = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    new = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    text = models.TextField(blank=True, default="")

    personal_columns = ("old", "new", "text")

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["task", "-id"], name="task_history")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.task}"


class TaskAsk(models.Model):
    """A run that asked for a task at a step: once per visit, however often the step runs.

    Several runs may have asked for the same task. `ended_at` is set when a run that wanted its
    task gone with it was taken out; the task is closed when that is true of all who asked.
    """

    task = models.ForeignKey(Task, null=True, on_delete=models.CASCADE, related_name="asks")
    participant_id = models.BigIntegerField()
    step_key = models.CharField(max_length=40)
    visit = models.IntegerField()
    closes = models.BooleanField(default=False)
    ended_at = models.DateTimeField(null=True)

    personal_columns = ()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["participant_id", "step_key", "visit"], name="one_task_per_visit"
            )
        ]
        indexes = [
            # whose runs were taken out: the lane closes these
            models.Index(
                "ended_at", condition=Q(ended_at__isnull=False, closes=True), name="task_ask_ended"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.participant_id} at {self.step_key}"


def plain(value: Any) -> Any:
    """A column's value as history holds it."""
    return value.isoformat() if hasattr(value, "isoformat") else value

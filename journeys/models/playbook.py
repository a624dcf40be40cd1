"""Playbooks: named lists of tasks, and their runs at companies and people."""

from datetime import date

from django.conf import settings
from django.db import models
from django.db.models import Q

from journeys.models.task import REASON, Priority, TaskType


class PlaybookSubject(models.TextChoices):
    """Whom a playbook is for."""

    COMPANY = "company", "Companies"
    PERSON = "person", "People"


class Playbook(models.Model):
    """A named list of tasks with due dates counted from the start (PRG-80).

    Runs keep what they started with: editing a playbook changes the next runs only.
    """

    name = models.CharField(max_length=200, unique=True)
    description = models.TextField(blank=True, default="")
    subject = models.CharField(
        "for",
        max_length=10,
        choices=PlaybookSubject,
        default=PlaybookSubject.COMPANY,
        help_text="Whether it runs at companies or with single people; fixed once it has run.",
    )
    expected_days = models.PositiveSmallIntegerField(
        "expected length in days",
        null=True,
        blank=True,
        help_text="A run that takes longer is overdue: rules and lists can tell. Empty: never.",
    )
    skip_weekends = models.BooleanField(
        default=True, help_text="Due dates count working days and never fall on a weekend."
    )
    is_active = models.BooleanField(
        "active", default=True, help_text="Switched off, it cannot be assigned; runs go on."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    personal_columns = ()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class PlaybookTask(models.Model):
    """One task of a playbook."""

    playbook = models.ForeignKey(Playbook, on_delete=models.CASCADE, related_name="tasks")
    position = models.PositiveSmallIntegerField(default=0)
    title = models.CharField(
        max_length=200, help_text="Tokens such as {{ company.name }} are filled in."
    )
    description = models.TextField(blank=True, default="")
    type = models.ForeignKey(TaskType, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=REASON, blank=True, default="")
    priority = models.SmallIntegerField(choices=Priority, default=Priority.NORMAL)
    due_days = models.PositiveSmallIntegerField(
        "due after days", default=0, help_text="Days after the start; 0 is the day itself."
    )
    owner_role = models.CharField(
        "owner",
        max_length=60,
        default="csm",
        blank=True,
        help_text="Who at the company's side of ours: csm, or another owner role.",
    )
    fallback = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Gets it where nobody has that role.",
    )

    personal_columns = ()

    class Meta:
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.title


class RunState(models.TextChoices):
    """Where a run of a playbook stands; overdue is a matter of time alone."""

    RUNNING = "running", "Running"
    COMPLETED = "completed", "Completed"
    STOPPED = "stopped", "Stopped"


class PlaybookRun(models.Model):
    """A playbook assigned to a company or person; of one playbook never twice at once."""

    playbook = models.ForeignKey(Playbook, on_delete=models.PROTECT, related_name="runs")
    name = models.CharField(max_length=200)
    person = models.ForeignKey(
        "customers.Person", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    company = models.ForeignKey(
        "customers.Company", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    state = models.CharField(max_length=10, choices=RunState, default=RunState.RUNNING)
    started_at = models.DateTimeField()
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    due_on = models.DateField("expected end", null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    program = models.ForeignKey(
        "journeys.Program", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    participant_id = models.BigIntegerField(null=True, editable=False)
    step_id = models.BigIntegerField(null=True, editable=False)
    visit = models.IntegerField(null=True, editable=False)

    personal_columns = ()

    class Meta:
        ordering = ["-id"]
        verbose_name = "playbook run"
        constraints = [
            models.CheckConstraint(
                condition=Q(person__isnull=True, company__isnull=False)
                | Q(person__isnull=False, company__isnull=True),
                name="playbook_run_has_one_subject",
            ),
            models.CheckConstraint(
                condition=Q(state=RunState.RUNNING, ended_at=None)
                | (~Q(state=RunState.RUNNING) & Q(ended_at__isnull=False)),
                name="playbook_run_ended_has_a_time",
            ),
            models.UniqueConstraint(
                fields=["playbook", "company"],
                condition=Q(state=RunState.RUNNING, company__isnull=False),
                name="one_playbook_run_per_company",
            ),
            models.UniqueConstraint(
                fields=["playbook", "person"],
                condition=Q(state=RunState.RUNNING, person__isnull=False),
                name="one_playbook_run_per_person",
            ),
            # the step that assigned it: once per visit
            models.UniqueConstraint(
                fields=["participant_id", "step_id", "visit"],
                condition=Q(participant_id__isnull=False),
                name="one_playbook_per_visit",
            ),
        ]
        indexes = [
            # rules, panels and timelines about one customer
            models.Index(fields=["company", "-id"], name="playbook_run_company"),
            models.Index(fields=["person", "-id"], name="playbook_run_person"),
        ]

    def __str__(self) -> str:
        return f"{self.name} for {self.person or self.company}"

    def is_overdue(self, today: date) -> bool:
        """Whether it has taken longer than expected."""
        return self.state == RunState.RUNNING and self.due_on is not None and self.due_on < today


class PlaybookChange(models.Model):
    """The history of a run: as-of rules and timelines read it. Append-only."""

    KINDS = [
        ("started", "started"), ("completed", "completed"), ("stopped", "stopped"),
        ("resumed", "goes on"),
    ]  # fmt: skip

    run = models.ForeignKey(PlaybookRun, on_delete=models.CASCADE, related_name="changes")
    kind = models.CharField(max_length=10, choices=KINDS)
    at = models.DateTimeField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    personal_columns = ()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["run", "id"], name="playbook_run_history")]

    def __str__(self) -> str:
        return f"{self.run} {self.get_kind_display()}"

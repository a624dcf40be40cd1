"""Programs, their published versions and what may change in place."""

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from journeys.flow.document import amended


class Folder(models.Model):
    """A folder of the program list."""

    name = models.CharField(max_length=100, unique=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ProgramState(models.TextChoices):
    """Life cycle of a program (PRG-40)."""

    DRAFT = "draft", "Draft"
    SCHEDULED = "scheduled", "Scheduled"
    ACTIVE = "active", "Active"
    PAUSED = "paused", "Paused"
    STOPPED = "stopped", "Stopped"
    COMPLETED = "completed", "Completed"


class ProgramType(models.TextChoices):
    """Who travels it."""

    PERSON = "person", "People"
    COMPANY = "company", "Companies"


def empty_document() -> dict[str, Any]:
    """The flow document of a new program."""
    return {"entry": {"sources": []}, "steps": []}


class Program(models.Model):
    """What an admin builds and publishes. Written by journeys.operations alone.

    `draft` is the flow document being edited, `draft_revision` rises with each edit, so that two
    browsers cannot overwrite each other. `published` is the version that newcomers travel.
    """

    name = models.CharField(max_length=200)
    type = models.CharField(
        max_length=10,
        choices=ProgramType,
        default=ProgramType.PERSON,
        help_text="Who travels this program. It cannot change after publishing.",
    )
    folder = models.ForeignKey(
        Folder, null=True, blank=True, on_delete=models.SET_NULL, related_name="programs"
    )
    description = models.TextField(blank=True)
    model = models.CharField(max_length=40, default="journey", editable=False)
    state = models.CharField(
        max_length=10, choices=ProgramState, default=ProgramState.DRAFT, editable=False
    )
    draft = models.JSONField(default=empty_document, editable=False)
    draft_revision = models.IntegerField(default=0, editable=False)
    published = models.ForeignKey(
        "ProgramVersion", null=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    accepts_entries = models.BooleanField(default=True, editable=False)
    quarantine = models.TextField(
        blank=True,
        editable=False,
        help_text="Why the engine leaves this program alone, e.g. a step kind that is not known.",
    )
    publish_at = models.DateTimeField(null=True, blank=True, editable=False)
    publish_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+",
        editable=False,
    )  # fmt: skip
    publish_plan = models.JSONField(
        default=dict, editable=False, help_text="What was chosen for the publishing at publish_at."
    )
    publish_failure = models.JSONField(
        default=list, editable=False,
        help_text="Problems that stopped the last scheduled publishing; empty once it is edited.",
    )  # fmt: skip
    to_review = models.JSONField(
        default=dict, editable=False,
        help_text="Steps whose conditions rest on something that was exchanged: key -> why.",
    )  # fmt: skip
    published_at = models.DateTimeField(null=True, editable=False)
    paused_at = models.DateTimeField(null=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+",
        editable=False,
    )  # fmt: skip
    reentered_until = models.DateTimeField(
        null=True, editable=False,
        help_text="Runs that ended up to then were looked at for entering again.",
    )  # fmt: skip
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name", "id"]
        permissions = [
            ("publish_program", "Can publish, pause and stop programs"),
            ("enroll_participant", "Can enrol and remove participants"),
        ]
        indexes = [
            models.Index(fields=["state"], name="program_state"),
            # the tick: whose publishing is due; the calendar: what is to come
            models.Index(
                fields=["publish_at"], name="program_publish_at",
                condition=models.Q(publish_at__isnull=False),
            ),
        ]  # fmt: skip
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(state="scheduled") | models.Q(publish_at__isnull=False),
                name="program_scheduled_for_a_time",
            ),
            models.CheckConstraint(
                condition=models.Q(publish_at=None)
                | models.Q(state__in=["scheduled", "active", "paused"]),
                name="program_publishes_while_it_may",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def editable(self) -> bool:
        """Whether its draft may be changed: not what is scheduled, not what is over."""
        return self.publish_at is None and self.state != ProgramState.STOPPED

    @property
    def takes_in(self) -> bool:
        """Whether somebody who comes now gets in; else they are held back until it goes on."""
        return self.state == ProgramState.ACTIVE and self.accepts_entries and not self.quarantine

    @property
    def subject(self) -> str:
        """Whose attributes and rules count: "person" or "company"."""
        return self.type

    @property
    def folder_name(self) -> str:
        """Folder for the screen."""
        return self.folder.name if self.folder else "Uncategorized"


class ProgramVersion(models.Model):
    """One published flow. Immutable; what may change in place is an Amendment."""

    program = models.ForeignKey(Program, on_delete=models.CASCADE, related_name="versions")
    number = models.IntegerField()
    document = models.JSONField()
    published_at = models.DateTimeField()
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    disconnected_at = models.DateTimeField(null=True)
    fact_keys = ArrayField(
        models.TextField(), null=True,
        help_text="What its goal, exits and waits read, as rules.reach.key_text; null: not known.",
    )  # fmt: skip
    # Whom it takes: members of these segments (null: not noted), events of these names, and after
    # how many days somebody enters again by itself.
    entry_segments = ArrayField(models.BigIntegerField(), null=True)
    entry_events = ArrayField(models.TextField(), default=list, db_default=[])
    reenter_days = models.IntegerField(null=True)

    class Meta:
        ordering = ["program", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["program", "number"], name="one_version_per_number")
        ]
        # the freshness loop: whom does a touched fact concern
        indexes = [GinIndex(fields=["fact_keys"], name="version_fact_keys")]

    def __str__(self) -> str:
        return f"{self.program} v{self.number}"

    def in_force(self) -> dict[str, Any]:
        """The document with all amendments."""
        rows = self.amendments.order_by("number").values_list("step_key", "config")
        return amended(self.document, dict(rows)) if rows else self.document


class Step(models.Model):
    """One step of a published version. `key` is stable over versions of the program.

    `parent_key` and `parent_exit` name the branching step and exit that own its sequence
    ("" at the top); `position` is its place in that sequence, from 0.
    """

    version = models.ForeignKey(ProgramVersion, on_delete=models.CASCADE, related_name="steps")
    key = models.CharField(max_length=20)
    kind = models.CharField(max_length=60)
    name = models.CharField(max_length=200)
    config = models.JSONField()
    parent_key = models.CharField(max_length=20, blank=True)
    parent_exit = models.CharField(max_length=40, blank=True)
    position = models.IntegerField()

    class Meta:
        ordering = ["version", "id"]
        constraints = [models.UniqueConstraint(fields=["version", "key"], name="one_step_per_key")]

    def __str__(self) -> str:
        return self.name or self.kind


class Amendment(models.Model):
    """A numbered change in place to one step of a published version. Append-only (PRG-43, 44)."""

    version = models.ForeignKey(ProgramVersion, on_delete=models.CASCADE, related_name="amendments")
    number = models.IntegerField()
    step_key = models.CharField(max_length=20)
    config = models.JSONField()
    made_at = models.DateTimeField()
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["version", "number"]
        constraints = [
            models.UniqueConstraint(fields=["version", "number"], name="one_amendment_per_number")
        ]

    def __str__(self) -> str:
        return f"{self.version} amendment {self.number}"


class LifeEvent(models.TextChoices):
    """What happened in a program's life (PRG-40, 41, 45)."""

    PUBLISHED = "published", "Published"
    SCHEDULED = "scheduled", "Publishing scheduled"
    UNSCHEDULED = "unscheduled", "Taken back to draft"
    FAILED = "failed", "Publishing failed"
    PAUSED = "paused", "Paused"
    RESUMED = "resumed", "Resumed"
    DISABLED = "disabled", "No new entries"
    ENABLED = "enabled", "Entries again"
    COMPLETED = "completed", "Completed"
    STOPPED = "stopped", "Stopped"


class ProgramStateChange(models.Model):
    """History of a program's life; some of it leaves the state as it was. Append-only."""

    program = models.ForeignKey(Program, on_delete=models.CASCADE, related_name="state_changes")
    what = models.CharField(max_length=12, choices=LifeEvent, blank=True)
    old = models.CharField(max_length=10, choices=ProgramState)
    new = models.CharField(max_length=10, choices=ProgramState)
    reason = models.TextField(blank=True)
    at = models.DateTimeField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["-id"]
        # the calendar: what happened in a month
        indexes = [models.Index(fields=["at"], name="program_change_at")]

    def __str__(self) -> str:
        return f"{self.program}: {self.old} to {self.new}"

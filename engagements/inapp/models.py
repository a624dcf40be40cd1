"""Engagements, who is invited to see them, and what was shown."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from csplatform.customers.models import Person
from journeys.models import Program, ProgramVersion


class EngagementState(models.TextChoices):
    """Life cycle (ENG-03). Active means launched, and neither paused nor ended."""

    DRAFT = "draft", "Draft"
    LAUNCHED = "launched", "Launched"
    PAUSED = "paused", "Paused"
    ENDED = "ended", "Ended"


class TriggeredBy(models.TextChoices):
    """Who decides that a person meets it (ENG-04)."""

    PROGRAM = "program", "A program"
    AUTOMATIC = "automatic", "Its own audience"


def empty_content() -> dict[str, Any]:
    """The content of a new engagement."""
    return {"blocks": []}


class Engagement(models.Model):
    """What an admin builds and launches. Written by engagements.inapp.operations alone.

    `draft` is being edited and `draft_revision` rises with each edit; `content` is what people
    see, and `release` is its number (0: never launched).
    """

    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=40)
    state = models.CharField(
        max_length=10, choices=EngagementState, default=EngagementState.DRAFT, editable=False
    )
    triggered_by = models.CharField(
        max_length=10,
        choices=TriggeredBy,
        default=TriggeredBy.PROGRAM,
        help_text="Only engagements triggered by a program can be chosen in programs.",
    )
    draft = models.JSONField(default=empty_content)
    draft_revision = models.IntegerField(default=0, editable=False)
    content = models.JSONField(null=True, editable=False)
    release = models.IntegerField(default=0, editable=False)
    starts_at = models.DateTimeField(
        null=True, blank=True, help_text="Not shown before. Empty: from the launch on."
    )
    ends_at = models.DateTimeField(
        null=True, blank=True, help_text="Not shown from then on. Empty: until it is ended."
    )
    priority = models.SmallIntegerField(
        default=0, help_text="When several are due for a person, the highest number goes first."
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+",
        editable=False,
    )  # fmt: skip
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    launched_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["name", "id"]
        permissions = [("launch_engagement", "Can launch, pause and end engagements")]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="draft") | Q(content__isnull=False, release__gt=0),
                name="engagement_launched_has_content",
            ),
            models.CheckConstraint(
                condition=Q(starts_at=None)
                | Q(ends_at=None)
                | Q(ends_at__gt=models.F("starts_at")),
                name="engagement_ends_after_start",
            ),
        ]
        indexes = [models.Index(fields=["state"], name="engagement_state")]

    def __str__(self) -> str:
        return self.name


class EngagementRelease(models.Model):
    """Content that went live, by number. Append-only: a showing names the release it showed."""

    engagement = models.ForeignKey(Engagement, on_delete=models.CASCADE, related_name="releases")
    number = models.IntegerField()
    content = models.JSONField()
    at = models.DateTimeField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["engagement", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["engagement", "number"], name="one_release_per_number")
        ]

    def __str__(self) -> str:
        return f"{self.engagement} release {self.number}"


class EngagementStateChange(models.Model):
    """History of an engagement's states. Append-only."""

    engagement = models.ForeignKey(
        Engagement, on_delete=models.CASCADE, related_name="state_changes"
    )
    old = models.CharField(max_length=10, choices=EngagementState)
    new = models.CharField(max_length=10, choices=EngagementState)
    release = models.IntegerField()
    reason = models.TextField(blank=True)
    at = models.DateTimeField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.engagement}: {self.old} to {self.new}"


class ProgramLink(models.Model):
    """A published program's step uses an engagement: its read-only rule in the audience (ENG-04).

    Connected at publishing; disconnected when the program stops or the step changes to another
    engagement (PRG-43). One live row per step; the old ones are the history.
    """

    engagement = models.ForeignKey(
        Engagement, on_delete=models.PROTECT, related_name="program_links"
    )
    program = models.ForeignKey(Program, on_delete=models.CASCADE, related_name="+")
    version = models.ForeignKey(ProgramVersion, on_delete=models.CASCADE, related_name="+")
    step_key = models.CharField(max_length=20)
    step_name = models.CharField(max_length=200, blank=True)
    connected_at = models.DateTimeField()
    disconnected_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["version", "step_key"],
                condition=Q(disconnected_at=None),
                name="one_live_link_per_step",
            ),
            models.CheckConstraint(
                condition=Q(disconnected_at=None)
                | Q(disconnected_at__gte=models.F("connected_at")),
                name="link_ends_after_start",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.program}, step “{self.step_name or self.step_key}”"


class InvitationState(models.TextChoices):
    """How far an invited person got."""

    OPEN = "open", "Not viewed"
    VIEWED = "viewed", "Viewed"
    COMPLETED = "completed", "Completed"
    DISMISSED = "dismissed", "Dismissed"
    WITHDRAWN = "withdrawn", "Withdrawn"
    FAILED = "failed", "Failed"


class Invitation(models.Model):
    """A participant's step qualified a person for an engagement; its id is the `ref` of events.

    Participant, program and step are plain ids, as in the outbox: rows are made by the thousand.
    Completed and dismissed may both have times (two tabs); then the state is completed.
    """

    engagement = models.ForeignKey(
        Engagement, on_delete=models.PROTECT, related_name="invitations", db_index=False
    )
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", db_index=False)
    participant_id = models.BigIntegerField()
    program_id = models.BigIntegerField()
    step_id = models.BigIntegerField()
    step_key = models.CharField(max_length=20)
    visit = models.IntegerField(default=0)
    addressee = models.BigIntegerField(
        default=0, help_text="Whom a company's step addressed; 0 when the participant is a person."
    )
    state = models.CharField(max_length=10, choices=InvitationState, default=InvitationState.OPEN)
    reason = models.CharField(max_length=200, blank=True, help_text="Why it failed or ended.")
    created_at = models.DateTimeField()
    viewed_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    dismissed_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True, help_text="When it was withdrawn or failed.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["participant_id", "step_id", "visit", "addressee"],
                name="one_invitation_per_visit",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["viewed", "completed", "dismissed"])
                | Q(viewed_at__isnull=False),
                name="invitation_seen_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["withdrawn", "failed"]) | Q(closed_at__isnull=False),
                name="invitation_closed_has_time",
            ),
        ]
        indexes = [
            # what is due for a person: the tracker's decision
            models.Index(fields=["person", "id"], condition=Q(state="open"), name="invitation_due"),
            # history of a person with an engagement: re-entry, and views of siblings
            models.Index(fields=["person", "engagement"], name="invitation_history"),
            # statistics and the people behind each number
            models.Index(fields=["engagement", "state", "id"], name="invitation_stats"),
            models.Index(fields=["program_id", "step_key", "state"], name="invitation_of_program"),
        ]

    def __str__(self) -> str:
        return f"invitation {self.pk} ({self.state})"


class Showing(models.Model):
    """One attempt to show an engagement in one browser, by its execution id (ENG-07)."""

    execution = models.UUIDField(unique=True)
    engagement = models.ForeignKey(
        Engagement, on_delete=models.PROTECT, related_name="showings", db_index=False
    )
    release = models.IntegerField()
    invitation_id = models.BigIntegerField()
    visitor_id = models.BigIntegerField()
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", db_index=False)
    created_at = models.DateTimeField()
    shown_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    dismissed_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    not_rendered = models.CharField(
        max_length=200, blank=True, help_text="Why the browser could not show it."
    )
    button = models.CharField(max_length=100, blank=True, help_text="The button that was pressed.")
    url = models.CharField(max_length=500, blank=True)

    personal_columns = ("url",)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["engagement", "id"], name="showings_of_engagement"),
            models.Index(fields=["invitation_id"], name="showings_of_invitation"),
            models.Index(fields=["person", "id"], name="showings_of_person"),
        ]

    def __str__(self) -> str:
        return f"showing {self.execution}"

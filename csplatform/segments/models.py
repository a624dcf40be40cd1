"""Segments, who is in them now, and who came and went."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Lower


class Subject(models.TextChoices):
    """Whom a segment holds."""

    PERSON = "person", "People"
    COMPANY = "company", "Companies"


class Kind(models.TextChoices):
    """How somebody gets in."""

    DYNAMIC = "dynamic", "Dynamic: a rule decides"
    STATIC = "static", "Static: a list kept by hand"


class State(models.TextChoices):
    """How far the membership is."""

    PENDING = "pending", "Waiting to be computed"
    COMPUTING = "computing", "Computing"
    READY = "ready", "Up to date"
    FAILED = "failed", "Failed"


class SegmentQuerySet(models.QuerySet["Segment"]):
    """Segments by what is to do about them."""

    def of(self, subject: str) -> "SegmentQuerySet":
        """Those of people or of companies."""
        return self.filter(subject=subject)

    def listed(self) -> "SegmentQuerySet":
        """Those that people choose from; not those that belong to something, such as a program."""
        return self.filter(owner="")

    def dynamic(self) -> "SegmentQuerySet":
        """Those that a rule decides."""
        return self.filter(kind=Kind.DYNAMIC)

    def due(self) -> "SegmentQuerySet":
        """Those whose recompute is asked for or under way."""
        return self.filter(models.Q(requested_at__isnull=False) | models.Q(cursor__isnull=False))


class Segment(models.Model):
    """A named group of people or companies. Written by segments.operations alone.

    A recompute walks the ids in slices: `cursor` is the last id done (null: none under way),
    `requested_at` asks for a next one. `fact_keys` are what the rule reads, as
    "subject:key:hops"; the consumer finds the segments of a change by them.
    """

    name = models.CharField(max_length=120)
    description = models.TextField(blank=True, help_text="What it is for; your colleagues see it.")
    subject = models.CharField(
        max_length=10,
        choices=Subject,
        default=Subject.PERSON,
        verbose_name="of",
        help_text="It cannot change later.",
    )
    kind = models.CharField(
        max_length=10, choices=Kind, default=Kind.DYNAMIC, help_text="It cannot change later."
    )
    rule = models.JSONField(default=dict, blank=True)
    owner = models.CharField(
        max_length=60, default="", db_default="", blank=True, editable=False,
        help_text="What it belongs to, e.g. “program:7”; such a segment is in no list.",
    )  # fmt: skip

    definition = models.PositiveIntegerField(default=0, editable=False)
    fact_keys = ArrayField(models.CharField(max_length=140), default=list, editable=False)
    time_dependent = models.BooleanField(default=False, editable=False)

    state = models.CharField(max_length=10, choices=State, default=State.PENDING, editable=False)
    error = models.TextField(blank=True, editable=False)
    member_count = models.BigIntegerField("members", default=0, editable=False)
    requested_at = models.DateTimeField(null=True, editable=False)
    cursor = models.BigIntegerField(null=True, editable=False)
    computed_at = models.DateTimeField("last computed", null=True, editable=False)

    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = SegmentQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        permissions = [("redefine_used_segment", "Can change the rule of a segment that is in use")]
        constraints = [
            models.UniqueConstraint(
                Lower("name"), condition=models.Q(owner=""), name="one_segment_per_name"
            ),
            models.CheckConstraint(
                condition=models.Q(subject__in=Subject.values), name="segment_subject_known"
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=Kind.values), name="segment_kind_known"
            ),
        ]
        indexes = [
            # the consumer: which segments read a touched fact
            GinIndex(fields=["fact_keys"], name="segment_fact_keys"),
            # what belongs to a program
            models.Index(fields=["owner"], condition=~models.Q(owner=""), name="segment_owner"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_dynamic(self) -> bool:
        """Whether a rule decides."""
        return self.kind == Kind.DYNAMIC


class Member(models.Model):
    """Somebody is in a segment: `subject_id` is a person's or company's id, as the segment says.

    Without foreign keys: they would cost a third of a recompute, and people are never deleted.
    """

    segment = models.ForeignKey(
        Segment, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    subject_id = models.BigIntegerField()
    since = models.DateTimeField()

    class Meta:
        ordering = ["segment", "subject_id"]
        constraints = [models.UniqueConstraint(fields=["segment", "subject_id"], name="one_member")]
        indexes = [
            # the segments of one person or company (snapshots)
            models.Index(fields=["subject_id", "segment"], name="member_of"),
        ]

    def __str__(self) -> str:
        return f"{self.subject_id} in {self.segment_id}"


class MemberChange(models.Model):
    """Somebody entered or left. Append-only; rules as of the past and the chart read it."""

    segment = models.ForeignKey(
        Segment, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    subject_id = models.BigIntegerField()
    entered = models.BooleanField()
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(auto_now_add=True)
    cause: Any = models.JSONField(default=dict)

    class Meta:
        ordering = ["-id"]
        indexes = [
            # the history of one member
            models.Index(fields=["segment", "subject_id", "id"], name="member_history"),
            # the evolution chart and the newest changes
            models.Index(fields=["segment", "occurred_at"], name="member_evolution"),
        ]

    def __str__(self) -> str:
        return f"{self.subject_id} {'entered' if self.entered else 'left'} {self.segment_id}"


class SegmentDefinition(models.Model):
    """What a segment demanded from when on. Append-only."""

    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="+")
    number = models.PositiveIntegerField()
    rule = models.JSONField(default=dict)
    actor_label = models.CharField(max_length=200)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["segment", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["segment", "number"], name="one_definition_per_number")
        ]

    def __str__(self) -> str:
        return f"{self.segment} #{self.number}"

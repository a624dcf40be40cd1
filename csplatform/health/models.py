"""How health is measured, how it stands, and how it was."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from csplatform.customers.models import Company
from csplatform.segments.models import Segment

PERCENT = [MinValueValidator(0), MaxValueValidator(100)]


class Label(models.TextChoices):
    """A score in a word."""

    GOOD = "good", "Good"
    NEUTRAL = "neutral", "Neutral"
    POOR = "poor", "Poor"


class HealthProfile(models.Model):
    """How companies of a segment are measured. A company in several is measured by the first one
    in order; without a segment it is for everybody else."""

    name = models.CharField(max_length=100, unique=True)
    segment = models.ForeignKey(
        Segment, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text="Of companies. Empty: everybody whom no other profile takes.",
    )  # fmt: skip
    position = models.PositiveSmallIntegerField(
        "order", default=10, help_text="Smaller first: a company in several takes the first."
    )
    good_from = models.PositiveSmallIntegerField(default=70, validators=PERCENT)
    poor_below = models.PositiveSmallIntegerField(default=40, validators=PERCENT)
    is_active = models.BooleanField("active", default=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(poor_below__lte=models.F("good_from")),
                name="health_thresholds_in_order",
                violation_error_message="“Poor below” lies at or below “good from”.",
            )
        ]

    def __str__(self) -> str:
        return self.name


class HealthMeasure(models.Model):
    """One thing that a profile looks at. Which settings count is the kind's business."""

    profile = models.ForeignKey(HealthProfile, on_delete=models.CASCADE, related_name="measures")
    kind = models.CharField(max_length=40)
    label = models.CharField(max_length=100, blank=True, help_text="Empty: as the kind is called.")
    weight = models.PositiveSmallIntegerField(
        default=10, validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="Beside the others; what is missing leaves its weight to them.",
    )  # fmt: skip
    event = models.CharField(max_length=200, blank=True, help_text="Empty: any event.")
    days = models.PositiveSmallIntegerField(
        default=30, validators=[MinValueValidator(1), MaxValueValidator(730)]
    )
    attribute = models.CharField(max_length=60, blank=True)
    # [[upper bound or null, points], ...] in order; the last bound is null
    tiers = models.JSONField(default=list)
    position = models.PositiveSmallIntegerField("order", default=0)

    class Meta:
        ordering = ["profile", "position", "id"]

    def __str__(self) -> str:
        return self.label or self.kind


class HealthScore(models.Model):
    """How a company stands now. Written by health.computing alone."""

    company = models.OneToOneField(
        Company, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    score = models.SmallIntegerField(null=True)
    label = models.CharField(max_length=8, choices=Label, blank=True)
    profile = models.ForeignKey(
        HealthProfile, null=True, on_delete=models.SET_NULL, related_name="scores"
    )
    reasons = models.JSONField(default=list)
    computed_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField(null=True)
    is_due = models.BooleanField(default=True)

    class Meta:
        ordering = ["company"]
        indexes = [
            # what is to be computed
            models.Index(fields=["company"], condition=Q(is_due=True), name="health_due"),
            # lists by health; what has not been looked at for long
            models.Index(fields=["label", "score"], name="health_by_label"),
            models.Index(fields=["computed_at"], name="health_age"),
        ]

    def __str__(self) -> str:
        return f"{self.company}: {self.score}"


class HealthChange(models.Model):
    """History of scores. Append-only; rules as of the past read it."""

    company_id = models.BigIntegerField()
    score = models.SmallIntegerField(null=True)
    previous = models.SmallIntegerField(null=True)
    label = models.CharField(max_length=8, choices=Label, blank=True)
    reasons = models.JSONField(default=list)
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["company_id", "at", "id"], name="health_history")]

    def __str__(self) -> str:
        return f"{self.company_id}: {self.previous} to {self.score}"


class Pulse(models.Model):
    """What somebody of ours feels about a company. The last one that has not expired counts."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+", db_index=False)
    points = models.PositiveSmallIntegerField(validators=PERCENT)
    note = models.TextField(blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["company", "-id"], name="pulse_of_company")]

    def __str__(self) -> str:
        return f"{self.company}: {self.points}"

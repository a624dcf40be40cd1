"""What changed about whom, until everybody who cares has looked."""

from django.db import models


class TouchLane(models.IntegerChoices):
    """Which worker follows a touch up."""

    LIVE = 0, "Live"
    BULK = 1, "Bulk"


class Touch(models.Model):
    """One changed fact of one subject, waiting for the loop. Written in the change's transaction.

    `subject` is "person" or "company"; `key` is a fact key such as "attr.plan", "event.login",
    "segment.12". `depth` counts how many causes lie behind it (attribute, segment, program ...).
    """

    subject = models.CharField(max_length=10)
    subject_id = models.BigIntegerField()
    key = models.CharField(max_length=120)
    depth = models.SmallIntegerField(default=0)
    lane = models.SmallIntegerField(choices=TouchLane, default=TouchLane.LIVE)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "touches"
        # the loop's claim
        indexes = [models.Index(fields=["lane", "id"], name="touch_claim")]

    def __str__(self) -> str:
        return f"{self.subject} {self.subject_id}: {self.key}"


class NextFlip(models.Model):
    """When a rule may change its answer for a subject by time alone; see freshness.flips."""

    consumer = models.CharField(max_length=40)
    ref = models.BigIntegerField(help_text="The segment, program ... whose rule it is.")
    subject = models.CharField(max_length=10)
    subject_id = models.BigIntegerField()
    due_at = models.DateTimeField()

    class Meta:
        ordering = ["due_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["consumer", "ref", "subject", "subject_id"], name="one_next_flip"
            )
        ]
        indexes = [models.Index(fields=["due_at"], name="next_flip_due")]

    def __str__(self) -> str:
        return f"{self.consumer} {self.ref}: {self.subject} {self.subject_id} at {self.due_at}"


class BrakeStop(models.Model):
    """A chain of causes that went too deep and was stopped: shown on the admin home."""

    subject = models.CharField(max_length=10)
    subject_id = models.BigIntegerField()
    key = models.CharField(max_length=120)
    depth = models.SmallIntegerField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.subject} {self.subject_id}: {self.key} at depth {self.depth}"

"""Errors inside jobs, one row for all that are alike."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class State(models.TextChoices):
    """Where a failure stands. It opens again when it happens again."""

    OPEN = "open", "Open"
    RETRIED = "retried", "Tried again"
    SOLVED = "solved", "Solved"


class Kind(models.TextChoices):
    """What kind of job it was."""

    WORK = "work", "Work of a lane"
    CHORE = "chore", "Chore"


class Failure(models.Model):
    """One kind of error at one place of one work. Written by keeping.py and operations.py alone.

    `passing` is nobody's fault (a lost connection, a deadlock): solved by the next run that goes
    well. `solved_how` says in words what solved it.
    """

    kind = models.CharField(max_length=5, choices=Kind)
    work = models.CharField(max_length=100, help_text="Key of the work or chore.")
    lane = models.CharField(max_length=10)
    error_type = models.CharField("error", max_length=120)
    place = models.CharField(max_length=200, help_text="File and function that raised it.")
    message = models.TextField(blank=True)
    traceback = models.TextField(blank=True, help_text="Of the last time; no values of variables.")
    passing = models.BooleanField(default=False)
    count = models.BigIntegerField("times", default=1)
    came_back = models.IntegerField(default=0, help_text="How often it happened after a solution.")
    first_at = models.DateTimeField("first")
    last_at = models.DateTimeField("last")
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    retried_at = models.DateTimeField(null=True)
    solved_at = models.DateTimeField(null=True)
    solved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    solved_how = models.CharField(max_length=100, blank=True, default="")

    class Meta:
        ordering = ["-last_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["work", "error_type", "place"], name="one_failure_per_place"
            )
        ]
        indexes = [
            # the desk and its figures
            models.Index(fields=["state", "-last_at"], name="failure_desk"),
            # what the next good run solves
            models.Index(
                fields=["work"],
                condition=Q(state="retried") | Q(state="open", passing=True),
                name="failure_watched",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.error_type} in {self.work}"

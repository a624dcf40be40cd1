"""An uploaded file on its way in."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class RunState(models.TextChoices):
    """Where an import stands."""

    NEW = "new", "Columns to be mapped"
    CHECKING = "checking", "Being tried"
    CHECKED = "checked", "Tried"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    CANCELLED = "cancelled", "Cancelled"
    FAILED = "failed", "Failed"


ACTIVE = (RunState.CHECKING, RunState.RUNNING)


class ImportRun(models.Model):
    """One file. Written by imports.operations and imports.running alone.

    `columns` are the headings, `sample` the first rows. `mapping` is column number (as text) to
    target. `done_chunks` says how far the present pass (trying or running) has come.
    """

    kind = models.CharField(max_length=40)
    file_name = models.CharField(max_length=200)
    columns = models.JSONField(default=list)
    sample = models.JSONField(default=list)
    mapping = models.JSONField(default=dict)
    options = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=RunState, default=RunState.NEW)
    was = models.CharField(max_length=10, choices=RunState, blank=True, help_text="When cancelled.")
    error = models.TextField(blank=True)
    total = models.IntegerField(default=0)
    chunks = models.IntegerField(default=0)
    done_chunks = models.IntegerField(default=0)
    done = models.IntegerField(default=0)
    created = models.IntegerField(default=0)
    updated = models.IntegerField(default=0)
    unchanged = models.IntegerField(default=0)
    failed = models.IntegerField(default=0)
    noted = models.IntegerField(default=0)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    made_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    personal_columns = ("sample",)

    class Meta:
        ordering = ["-id"]
        verbose_name = "import"
        indexes = [
            # what the bulk lane has to do
            models.Index(
                fields=["id"], condition=Q(state__in=["checking", "running"]), name="import_active"
            )
        ]

    def __str__(self) -> str:
        return self.file_name

    @property
    def percent(self) -> int:
        """How far the present pass has come."""
        return round(100 * self.done / self.total) if self.total else 0

    @property
    def is_active(self) -> bool:
        """Whether the lane works on it."""
        return self.state in ACTIVE


class ImportChunk(models.Model):
    """Some hundred rows of a file, as lists of cells. Deleted when the file is in."""

    run = models.ForeignKey(
        ImportRun, on_delete=models.CASCADE, related_name="pieces", db_index=False
    )
    number = models.IntegerField()
    first_row = models.IntegerField(help_text="Number of its first row in the file.")
    rows = models.JSONField()

    personal_columns = ("rows",)

    class Meta:
        ordering = ["run", "number"]
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="one_chunk_per_number")
        ]

    def __str__(self) -> str:
        return f"{self.run}, {self.number}"


class ImportProblem(models.Model):
    """A row that could not be taken, or a value of it that was left alone."""

    run = models.ForeignKey(
        ImportRun, on_delete=models.CASCADE, related_name="problems", db_index=False
    )
    row = models.IntegerField(help_text="Its number in the file, as a spreadsheet counts.")
    column = models.CharField(max_length=200, blank=True)
    message = models.TextField()
    is_note = models.BooleanField(default=False, help_text="The row was taken all the same.")
    cells = models.JSONField(default=list)

    personal_columns = ("message", "cells")

    class Meta:
        ordering = ["run", "row", "id"]
        # the list of a run, page by page
        indexes = [models.Index(fields=["run", "row", "id"], name="import_problem_list")]

    def __str__(self) -> str:
        return f"row {self.row}: {self.message}"

"""Uploaded lists of newcomers, and the share of everybody that is held out of all programs."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from csplatform.customers.models import Company, Person
from csplatform.segments.models import Segment
from journeys.models.program import Program


class EntryList(models.Model):
    """An uploaded file of a program (PRG-20). Its known people become the members of a static list
    of the program's own, which is the source; its other columns come along with them.

    `columns` says what each mapped column is for: "key", "name", "context_id", "field:NAME".
    `next_row` is the first row that the bulk lane has not looked at; `done_at` when it is through.
    """

    program = models.ForeignKey(Program, on_delete=models.CASCADE, related_name="entry_lists")
    segment = models.ForeignKey(Segment, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=200)
    columns = models.JSONField(default=dict)
    creates_people = models.BooleanField(default=False)
    rows_total = models.IntegerField(default=0)
    next_row = models.IntegerField(default=1)
    matched = models.IntegerField(default=0)
    created = models.IntegerField(default=0)
    wrong = models.IntegerField(default=0)
    uploaded_at = models.DateTimeField()
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    done_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            # what the bulk lane still has to match
            models.Index(fields=["id"], condition=Q(done_at=None), name="entry_list_open")
        ]

    def __str__(self) -> str:
        return self.name


class EntryRow(models.Model):
    """One row of an uploaded file: whom it means, or what is wrong with it."""

    entry_list = models.ForeignKey(EntryList, on_delete=models.CASCADE, related_name="rows")
    number = models.IntegerField(help_text="As in the file; the header is row 1.")
    key = models.CharField(max_length=320)
    name = models.CharField(max_length=200, blank=True)
    context_id = models.CharField(max_length=100, blank=True)
    fields = models.JSONField(default=dict)
    person = models.ForeignKey(
        Person, null=True, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    company = models.ForeignKey(
        Company, null=True, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    error = models.CharField(max_length=200, blank=True)

    personal_columns = ("key", "name", "context_id", "fields")

    class Meta:
        ordering = ["entry_list", "number"]
        constraints = [
            models.UniqueConstraint(fields=["entry_list", "number"], name="one_row_per_number")
        ]
        indexes = [
            # what a member of the list came with; the rows of an erased or merged person
            models.Index(F("person"), F("entry_list"), condition=Q(person__isnull=False),
                         name="entry_row_person"),
            models.Index(F("company"), F("entry_list"), condition=Q(company__isnull=False),
                         name="entry_row_company"),
            # what is wrong with a file
            models.Index(fields=["entry_list", "number"], condition=~Q(error=""),
                         name="entry_row_wrong"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"row {self.number}"


class HoldOut(models.Model):
    """The share of all people and companies that no program treats (PRG-28): one row, id 1."""

    percent = models.DecimalField(max_digits=4, decimal_places=2, default=0)
    changed_at = models.DateTimeField(auto_now=True)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        verbose_name = "global hold-out"
        verbose_name_plural = "global hold-out"
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="one_hold_out"),
            models.CheckConstraint(
                condition=Q(percent__gte=0, percent__lte=50), name="hold_out_in_range"
            ),
        ]

    def __str__(self) -> str:
        return f"{float(self.percent):g} %"

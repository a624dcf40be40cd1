"""Participants, where they stand, what they wait for, and everything that was decided."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from csplatform.customers.models import Company, Person
from journeys.models.program import Program, ProgramVersion, Step


class ParticipantState(models.TextChoices):
    """How a run stands (PRG-27). "Review" is not stored: those are listed before publishing."""

    ACTIVE = "active", "Active"
    PAUSED = "paused", "Paused"
    COMPLETED = "completed", "Completed"
    UNENROLLED = "unenrolled", "Unenrolled"
    FAILED = "failed", "Failed"
    REMOVED = "removed", "Removed"


RUNNING = (ParticipantState.ACTIVE, ParticipantState.PAUSED)


class Phase(models.TextChoices):
    """What the engine has to do when `due_at` comes.

    ARMING: the wait rows are committed, history since the step began is still to be looked at.
    """

    RUN = "run", "Run the step"
    ARMING = "arming", "Look at history"
    WAITING = "waiting", "Decide at the limit"


class Lane(models.IntegerChoices):
    """Which worker advances it: a mass enrolment must not stand before a single click."""

    LIVE = 0, "Live"
    BULK = 1, "Bulk"


class Control(models.TextChoices):
    """Whether a run is held out, and by what (PRG-28)."""

    NONE = "", "Takes part"
    PROGRAM = "program", "Held out by this program"
    GLOBAL = "global", "In the global hold-out"


class Participant(models.Model):
    """One run of one subject through one published version. Written by journeys.engine.store.

    `due_at` null: nothing to do until an event comes (or paused). `visit` rises when a step is
    executed again after a move. `refs` maps a step's key to what its waits are about (the mail,
    the invitation). `wait_local`/`wait_zone` keep the local meaning of a date wait. `fields` are
    flat values that it came with. `unique_key` is a digest of what the program allows once. A
    held-out run (`control`) stands at no step and waits for the end of its watch.
    """

    program = models.ForeignKey(Program, on_delete=models.CASCADE, related_name="participants")
    version = models.ForeignKey(ProgramVersion, on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey(
        Person, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    company = models.ForeignKey(
        Company, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    at_company = models.ForeignKey(
        Company, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    context_id = models.CharField(max_length=100, default="", blank=True)
    fields = models.JSONField(default=dict, db_default={}, blank=True)
    unique_key = models.CharField(max_length=32, null=True)
    control = models.CharField(max_length=8, choices=Control, default="", db_default="", blank=True)
    state = models.CharField(max_length=10, choices=ParticipantState, default="active")
    lane = models.SmallIntegerField(choices=Lane, default=Lane.LIVE)
    step = models.ForeignKey(
        Step, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    phase = models.CharField(max_length=8, choices=Phase, default=Phase.RUN)
    due_at = models.DateTimeField(null=True)
    limit_at = models.DateTimeField(null=True, help_text="When a conditional wait ends unmet.")
    remaining = models.DurationField(null=True, help_text="What was left of a timer at the pause.")
    wait_local = models.CharField(max_length=40, default="", blank=True)
    wait_zone = models.CharField(max_length=64, default="", blank=True)
    visit = models.IntegerField(default=0)
    refs = models.JSONField(default=dict)
    step_since = models.DateTimeField()
    entered_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=200, default="", blank=True)
    goal_at = models.DateTimeField(null=True)
    deaths = models.SmallIntegerField(default=0)
    cause = models.JSONField(default=dict, help_text="How it entered.")
    depth = models.SmallIntegerField(default=0)

    personal_columns = ("fields", "unique_key")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(person=None, company__isnull=False)
                | Q(person__isnull=False, company=None),
                name="participant_one_subject",
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None, state__in=["active", "paused"])
                | Q(ended_at__isnull=False) & ~Q(state__in=["active", "paused"]) & Q(due_at=None),
                name="participant_ended_is_done",
            ),
            models.UniqueConstraint(
                fields=["program", "person", "context_id"],
                condition=Q(ended_at=None, person__isnull=False),
                name="one_active_run_per_person",
            ),
            models.UniqueConstraint(
                fields=["program", "company", "context_id"],
                condition=Q(ended_at=None, company__isnull=False),
                name="one_active_run_per_company",
            ),
            models.UniqueConstraint(
                fields=["program", "unique_key"],
                condition=Q(unique_key__isnull=False),
                name="one_run_per_unique_key",
            ),
        ]
        indexes = [
            # the engine's claim: what is due in a lane
            models.Index(
                fields=["lane", "due_at", "id"],
                condition=Q(due_at__isnull=False),
                name="participant_due",
            ),
            # who waits at a step: counts and lists of the program snapshot
            models.Index(
                fields=["step", "id"], condition=Q(ended_at=None), name="participant_at_step"
            ),
            models.Index(fields=["program", "state", "id"], name="participant_state"),
            models.Index(
                fields=["person", "id"], condition=Q(person__isnull=False), name="runs_of_person"
            ),
            models.Index(
                fields=["company", "id"], condition=Q(company__isnull=False), name="runs_of_company"
            ),
            models.Index(
                fields=["at_company", "id"],
                condition=Q(at_company__isnull=False),
                name="runs_at_company",
            ),
            # who may enter again by itself, some days after the run ended
            models.Index(
                fields=["program", "ended_at", "id"],
                condition=Q(ended_at__isnull=False),
                name="participant_ended",
            ),
            # the control group of a program
            models.Index(
                fields=["program", "id"], condition=~Q(control=""), name="participant_control"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject_label} in {self.program}"

    @property
    def subject_label(self) -> str:
        """The person or company for the screen."""
        return str(self.person or self.company)


class Transition(models.Model):
    """One thing that happened to a participant, with its evidence. Append-only; partitioned by
    month of `recorded_at`, no foreign keys. Table made in SQL by the first migration.

    kind: enter, go, wait, leave, fail, goal, late, pause, resume, move, retry.
    """

    id = models.BigAutoField(primary_key=True)
    participant_id = models.BigIntegerField()
    program_id = models.BigIntegerField()
    version_id = models.BigIntegerField()
    amendment = models.IntegerField(default=0)
    step_id = models.BigIntegerField(null=True)
    to_step_id = models.BigIntegerField(null=True)
    visit = models.IntegerField(default=0)
    kind = models.CharField(max_length=10)
    exit = models.CharField(max_length=40, default="")
    evidence = models.JSONField(default=dict)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "journeys_transition"
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.kind} of {self.participant_id}"


class Wait(models.Model):
    """A participant waits for an event about a subject and a ref (0: any ref).

    Committed while the participant is still due ("arming"), so that no event slips between
    looking at history and starting to listen. A wait that its limit decided stays for a while,
    closed: the first event that comes after all is noted as too late, at this step and visit.
    """

    participant = models.ForeignKey(
        Participant, on_delete=models.CASCADE, related_name="waits", db_index=False
    )
    name_id = models.IntegerField()
    person_id = models.BigIntegerField(null=True)
    company_id = models.BigIntegerField(null=True)
    ref = models.BigIntegerField(default=0)
    closed_at = models.DateTimeField(null=True)
    step_id = models.BigIntegerField(null=True)
    visit = models.IntegerField(default=0)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["participant", "name_id", "person_id", "company_id", "ref"],
                condition=Q(closed_at=None),
                nulls_distinct=False,
                name="one_wait_per_event",
            )
        ]
        indexes = [
            # an inbox row looks for who waits for it
            models.Index(
                fields=["name_id", "person_id", "ref"],
                condition=Q(person_id__isnull=False),
                name="wait_for_person",
            ),
            models.Index(
                fields=["name_id", "company_id", "ref"],
                condition=Q(company_id__isnull=False),
                name="wait_for_company",
            ),
            # the purge of waits that a limit decided
            models.Index(
                fields=["closed_at", "id"], condition=Q(closed_at__isnull=False), name="wait_closed"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.participant_id} waits for {self.name_id}"


class Batch(models.Model):
    """What a worker is about to advance, committed before it starts.

    A row whose worker is gone names the participants that were in hand when it died: they are run
    again in halves; the third death of a single participant fails it, visibly.
    """

    worker = models.BigIntegerField(help_text="Key of the advisory lock that its worker holds.")
    participants = ArrayField(models.BigIntegerField())
    deaths = models.SmallIntegerField(default=0)
    started_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "batches"

    def __str__(self) -> str:
        return f"batch of {len(self.participants)}"


class Refusal(models.Model):
    """A candidate that did not get in, and why (PRG-24). One row per program, subject, context and
    reason; with what it came with, so that it can be tried again."""

    program = models.ForeignKey(Program, on_delete=models.CASCADE, related_name="refusals")
    person = models.ForeignKey(
        Person, null=True, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    company = models.ForeignKey(
        Company, null=True, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    context_id = models.CharField(max_length=100, default="", db_default="", blank=True)
    fields = models.JSONField(default=dict, db_default={}, blank=True)
    cause = models.JSONField(default=dict, db_default={}, blank=True)
    reason = models.CharField(max_length=60)
    detail = models.TextField(blank=True)
    at = models.DateTimeField()
    times = models.IntegerField(default=1)

    personal_columns = ("fields",)

    class Meta:
        ordering = ["-at"]
        constraints = [
            models.UniqueConstraint(
                fields=["program", "person", "company", "reason", "context_id"],
                nulls_distinct=False,
                name="one_refusal_per_reason",
            )
        ]
        indexes = [
            models.Index(F("person"), condition=Q(person__isnull=False), name="refusals_of_person"),
            # who is to get in when the program goes on
            models.Index(
                fields=["program", "id"], condition=Q(reason="paused"), name="refusal_held"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person or self.company}: {self.reason}"


class EntryScan(models.Model):
    """Members already inside a segment when a program is published, taken in by the bulk lane.

    Goes up the member ids in chunks, each its own commit, so a killed worker loses no ground.
    """

    program = models.ForeignKey(Program, on_delete=models.CASCADE, related_name="entry_scans")
    segment_id = models.BigIntegerField()
    after_id = models.BigIntegerField(default=0)
    entered = models.IntegerField(default=0)
    refused = models.IntegerField(default=0)
    started_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        indexes = [
            # what the bulk lane still has to do
            models.Index(fields=["id"], condition=Q(done_at=None), name="entry_scan_open")
        ]

    def __str__(self) -> str:
        return f"{self.program}: members of segment {self.segment_id}"

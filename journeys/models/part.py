"""The part that one person has in a company's run."""

from django.db import models
from django.db.models import Q

from journeys.models.participant import Participant


class Part(models.Model):
    """Somebody whom a step of a company's participant addressed: a row per addressed one, step and
    visit (PRG-12). Written by journeys.engine.store with the decision.

    `ref` is their own message or invitation, which waits ask about; what became of it is told by
    the room of the channel. Who leaves the company afterwards keeps the part; who joins is
    addressed when the step is run again. `refused` says why nothing went out.
    """

    participant = models.ForeignKey(
        Participant, on_delete=models.CASCADE, related_name="parts", db_index=False
    )
    program_id = models.BigIntegerField()
    step_id = models.BigIntegerField()
    step_key = models.CharField(max_length=20)
    visit = models.IntegerField(default=0)
    slot = models.CharField(max_length=60)
    channel = models.CharField(max_length=20)
    person_id = models.BigIntegerField(null=True)
    user_id = models.BigIntegerField(null=True)
    address = models.CharField(max_length=254, blank=True, default="")
    ref = models.BigIntegerField(null=True)
    refused = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField()

    personal_columns = ("address",)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["participant", "step_id", "visit", "slot"], name="one_part_per_visit"
            ),
            models.CheckConstraint(
                condition=Q(ref__isnull=False) | ~Q(refused=""), name="part_has_ref_or_reason"
            ),
        ]
        indexes = [
            # a person's parts: merge, erase, export
            models.Index(
                fields=["person_id"], condition=Q(person_id__isnull=False), name="parts_of_person"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.slot} of {self.participant_id}"

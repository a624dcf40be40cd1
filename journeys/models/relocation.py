"""Where people who wait go when a new version is published."""

from django.conf import settings
from django.db import models

from journeys.models.program import Program, ProgramVersion, Step


class Relocation(models.Model):
    """Everybody who stands at one step of earlier versions, on the way to another place (PRG-42).

    The bulk lane takes them there in chunks by rising id, each its own commit, so a killed worker
    loses no ground. Whoever goes on before that keeps the old version.
    """

    program = models.ForeignKey(Program, on_delete=models.CASCADE, related_name="relocations")
    version = models.ForeignKey(
        ProgramVersion, on_delete=models.CASCADE, related_name="+", help_text="Where they go."
    )
    step_key = models.CharField(max_length=20, help_text="Where they stand.")
    to_step = models.ForeignKey(
        Step, null=True, on_delete=models.CASCADE, related_name="+",
        help_text="The step of the new version that they go on with; none: their run ends.",
    )  # fmt: skip
    expected = models.IntegerField(help_text="How many stood there when it was decided.")
    taken = models.IntegerField(default=0)
    after_id = models.BigIntegerField(default=0)
    started_at = models.DateTimeField()
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    done_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        indexes = [
            # what the bulk lane still has to do
            models.Index(fields=["id"], condition=models.Q(done_at=None), name="relocation_open")
        ]

    def __str__(self) -> str:
        return f"{self.program}: from “{self.step_key}” to {self.to_step or 'the end'}"

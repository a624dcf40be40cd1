"""How often each person was addressed, over all channels."""

from django.db import models


class AttentionEntry(models.Model):
    """One contact with a person. Written under the person's lock before the message leaves, so
    that caps over all channels can be counted without a race. Append-only."""

    person_id = models.BigIntegerField()
    channel = models.CharField(max_length=20)
    program_id = models.BigIntegerField(null=True)
    outbox_id = models.BigIntegerField(null=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "attention entries"
        indexes = [models.Index(fields=["person_id", "-at"], name="attention_of_person")]

    def __str__(self) -> str:
        return f"{self.channel} to {self.person_id} at {self.at}"

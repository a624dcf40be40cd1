"""Answers that are given again when a request is repeated."""

from django.db import models


class RememberedAnswer(models.Model):
    """What a POST with an Idempotency-Key answered. Written by `api.idempotency` alone, in the
    transaction of the work itself; deleted after a day. No admin: it is no configuration.
    """

    caller = models.CharField(max_length=40, help_text="“key:<id>” or “user:<id>”.")
    key = models.CharField(max_length=200)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of method, path and body.")
    status = models.SmallIntegerField(default=0)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField()

    personal_columns = ("body",)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["caller", "key"], name="one_answer_per_key")]
        # the hourly purge
        indexes = [models.Index(fields=["created_at"], name="answer_age")]

    def __str__(self) -> str:
        return f"{self.caller}: {self.key}"

"""Mails that were caught instead of sent, for the demo and for trying things out."""

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.db import models


class CapturedMail(models.Model):
    """One mail that would have left, had a mail server been named. Written by
    journeys.emails.captured alone, read at /mail/."""

    person_id = models.BigIntegerField(null=True)
    outbox_id = models.BigIntegerField(null=True)
    sender = models.CharField(max_length=320)
    recipients = models.TextField(help_text="Addresses, separated by commas.")
    subject = models.TextField(blank=True)
    text = models.TextField(blank=True)
    html = models.TextField(blank=True)
    headers = models.JSONField(default=list, help_text="Pairs of name and value, as sent.")
    message_id = models.CharField(max_length=200, blank=True)
    captured_at = models.DateTimeField()

    personal_columns = ("sender", "recipients", "subject", "text", "html", "headers")

    class Meta:
        ordering = ["-id"]
        indexes = [
            # erasing a person, and the link from a message to what was caught
            models.Index(
                fields=["person_id"],
                condition=models.Q(person_id__isnull=False),
                name="captured_of_person",
            ),
            models.Index(
                fields=["outbox_id"],
                condition=models.Q(outbox_id__isnull=False),
                name="captured_of_outbox",
            ),
            # the search box of /mail/
            GinIndex(
                SearchVector("subject", "recipients", config="simple"), name="captured_search"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject} to {self.recipients}"

"""Visitors, and what ingest refused."""

from django.db import models


class Consent(models.TextChoices):
    """What the visitor agreed to. Only "granted" is in use; the other states come with TRK-04."""

    GRANTED = "granted", "Granted"
    REQUIRED = "required", "Not asked yet"
    COOKIELESS = "cookieless", "Without storage"
    DENIED = "denied", "Denied"


class Visitor(models.Model):
    """A browser on a source's site, from its first call to a reset. Written by the ingest alone.

    Plain ids, no foreign keys: rows are inserted on the hot path. `person_id` is set at identify;
    a merge of people repoints it.
    """

    source_id = models.IntegerField()
    anonymous_id = models.UUIDField()
    person_id = models.BigIntegerField(null=True)
    company_id = models.BigIntegerField(null=True)
    consent = models.CharField(max_length=12, choices=Consent, default=Consent.GRANTED)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    identified_at = models.DateTimeField(null=True)

    personal_columns = ("anonymous_id",)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["source_id", "anonymous_id"], name="one_visitor_per_anonymous_id"
            )
        ]
        indexes = [
            # does the tracker know this person (step kind); visitors of a person (merge, snapshot)
            models.Index(
                fields=["person_id"],
                condition=models.Q(person_id__isnull=False),
                name="visitors_of_person",
            )
        ]

    def __str__(self) -> str:
        return f"visitor {self.pk}"


class RejectedEvent(models.Model):
    """An item that ingest refused: which, why, and its beginning. Purged after 30 days."""

    source_id = models.IntegerField(null=True)
    anonymous_id = models.UUIDField(null=True)
    message_id = models.CharField(max_length=100, blank=True)
    type = models.CharField(max_length=20, blank=True)
    path = models.CharField(max_length=200, blank=True)
    code = models.CharField(max_length=40)
    reason = models.CharField(max_length=500)
    excerpt = models.TextField(blank=True, help_text="The first 2,000 characters of the item.")
    at = models.DateTimeField()

    personal_columns = ("excerpt",)

    class Meta:
        ordering = ["-id"]
        indexes = [
            # the page, filtered by source; the purge
            models.Index(fields=["source_id", "-id"], name="rejected_of_source"),
            models.Index(fields=["at"], name="rejected_purge"),
        ]

    def __str__(self) -> str:
        return f"{self.type or 'item'}: {self.reason}"

"""Events: what people did, where it came from, and who waits for which name."""

import secrets

from django.contrib.postgres.fields import ArrayField
from django.db import models

from csplatform.customers.known_names import name_words


def make_write_key() -> str:
    """A new public write key."""
    return f"wk_{secrets.token_urlsafe(18)}"


class Source(models.Model):
    """A site or system that sends events with its own write key."""

    name = models.CharField(max_length=100)
    write_key = models.CharField(max_length=60, unique=True, default=make_write_key)
    allowed_origins = ArrayField(
        models.CharField(max_length=253),
        default=list,
        blank=True,
        help_text="Origins whose pages may use the key, e.g. https://app.example.com. Empty: all.",
    )
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class EventName(models.Model):
    """An interned event name."""

    name = models.CharField(max_length=200, unique=True)
    label = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return name_words(self.name, self.label)


class Event(models.Model):
    """One thing that happened. Partitioned by month of `recorded_at`; no foreign keys in or out
    (two of them cut inserts to a third). Table made in SQL by the first migration.

    `ref` is the message, showing or invitation that the event is about; 0 is none.
    """

    id = models.BigAutoField(primary_key=True)
    name_id = models.IntegerField()
    person_id = models.BigIntegerField(null=True)
    company_id = models.BigIntegerField(null=True)
    visitor_id = models.BigIntegerField(null=True)
    source_id = models.IntegerField(null=True)
    ref = models.BigIntegerField(default=0)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    properties = models.JSONField(default=dict)

    personal_columns = ("properties",)

    class Meta:
        managed = False
        db_table = "customers_event"
        ordering = ["-occurred_at", "-id"]

    def __str__(self) -> str:
        return f"event {self.pk}"


class EventMessage(models.Model):
    """Message ids that were taken already, per source. Purged after the back-dating window."""

    source_id = models.IntegerField()
    message_id = models.CharField(max_length=100)
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["source_id", "message_id"], name="one_event_per_message"
            )
        ]
        # no index on recorded_at: the purge runs once a day and may scan

    def __str__(self) -> str:
        return self.message_id


class EventSubscription(models.Model):
    """A consumer wants an inbox row for each event of a name. Written under INGEST_LOCK."""

    name = models.ForeignKey(EventName, on_delete=models.CASCADE, related_name="+")
    consumer = models.CharField(max_length=40)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["name", "consumer"], name="one_subscription")
        ]

    def __str__(self) -> str:
        return f"{self.consumer}: {self.name}"


class EventInbox(models.Model):
    """A subscribed event until its consumer has acted on it. Written with the event itself."""

    consumer = models.CharField(max_length=40)
    event_id = models.BigIntegerField()
    name_id = models.IntegerField()
    person_id = models.BigIntegerField(null=True)
    company_id = models.BigIntegerField(null=True)
    ref = models.BigIntegerField(default=0)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "event inbox"
        # the consumer's claim, in order of arrival
        indexes = [models.Index(fields=["consumer", "id"], name="inbox_claim")]

    def __str__(self) -> str:
        return f"{self.consumer}: event {self.event_id}"

"""What is to leave the house, once."""

from django.db import models
from django.db.models import Q
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

# Where a webhook goes, as its indexes spell it.
ENDPOINT_ID = Cast(KeyTextTransform("endpoint", "payload"), models.BigIntegerField())


class OutboxState(models.TextChoices):
    """Where a message stands (REL-02)."""

    PENDING = "pending", "Waiting"
    SENDING = "sending", "Being sent"
    SENT = "sent", "Sent"
    UNCERTAIN = "uncertain", "Uncertain"
    CANCELLED = "cancelled", "Cancelled"
    DEAD = "dead", "Given up"


class Outbox(models.Model):
    """One effect of one step for one participant. Written by the engine with the decision itself.

    "sending" is committed before the message leaves. A crash after that leaves a mail "uncertain":
    listed, and sent again only by choice; a webhook is sent again by itself, under the same id.
    No foreign keys upward of the engine's own lock order; `participant_id` 0 is a message outside
    of any program (a test).
    """

    participant_id = models.BigIntegerField(default=0)
    program_id = models.BigIntegerField(null=True)
    step_id = models.BigIntegerField(null=True)
    step_key = models.CharField(max_length=20, default="")
    visit = models.IntegerField(default=0)
    slot = models.CharField(max_length=60, default="", help_text="Recipient or reminder number.")
    channel = models.CharField(max_length=20, default="email")
    person_id = models.BigIntegerField(null=True)
    company_id = models.BigIntegerField(null=True)
    payload = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=OutboxState, default=OutboxState.PENDING)
    due_at = models.DateTimeField(null=True)
    attempts = models.SmallIntegerField(default=0)
    worker = models.BigIntegerField(null=True, help_text="Advisory lock of who is sending it.")
    error = models.TextField(blank=True, default="")
    to_address = models.CharField(max_length=254, blank=True, default="")
    subject = models.CharField(max_length=500, blank=True, default="")
    message_id = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)

    personal_columns = ("to_address", "subject", "payload", "slot")

    class Meta:
        ordering = ["-id"]
        verbose_name = "message"
        constraints = [
            models.UniqueConstraint(
                fields=["participant_id", "step_id", "visit", "slot"],
                condition=~Q(participant_id=0),
                name="one_effect_per_visit",
            )
        ]
        indexes = [
            # the claim of a channel's sender
            models.Index(
                fields=["channel", "due_at", "id"], condition=Q(state="pending"), name="outbox_due"
            ),
            # the claim of webhooks, endpoint by endpoint: none may stand in another one's way
            models.Index(
                ENDPOINT_ID,
                "due_at",
                "id",
                condition=Q(channel="webhook", state="pending"),
                name="outbox_webhooks_due",
            ),
            # the desk: what went to one endpoint, newest first
            models.Index(
                ENDPOINT_ID,
                models.F("id").desc(),
                condition=Q(channel="webhook"),
                name="outbox_of_endpoint",
            ),
            # what senders hold right now; the sweep looks here for those that died
            models.Index(
                fields=["worker"], condition=Q(worker__isnull=False), name="outbox_in_hand"
            ),
            # the desk: everything that needs a look, and the sweep of dead senders
            models.Index(
                fields=["state", "id"],
                condition=Q(state__in=["sending", "uncertain", "dead"]),
                name="outbox_desk",
            ),
            models.Index(
                fields=["person_id", "-id"],
                condition=Q(person_id__isnull=False),
                name="outbox_of_person",
            ),
            models.Index(
                fields=["program_id", "step_key"],
                condition=Q(program_id__isnull=False),
                name="outbox_of_program",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.pk} ({self.state})"

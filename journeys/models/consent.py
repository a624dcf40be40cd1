"""What people want to be written about, and addresses that must not be written to (PRG-91)."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from csplatform.customers.models import Person


class MailCategory(models.Model):
    """What a mail is about: people choose by category what they want to get."""

    name = models.CharField(max_length=100, unique=True, help_text="People read it.")
    description = models.CharField(
        max_length=300, blank=True, help_text="One sentence for the preferences page."
    )
    is_operational = models.BooleanField(
        "operational",
        default=False,
        help_text="Receipts, notices about an account and the like: nobody can unsubscribe from "
        "them, and they carry no unsubscribe link.",
    )

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "mail categories"

    def __str__(self) -> str:
        return self.name


class ConsentSource(models.TextChoices):
    """How somebody came to unsubscribe or to come back."""

    ONE_CLICK = "one_click", "One click in the mail program"
    PAGE = "page", "The preferences page"
    STAFF = "staff", "By hand"
    API = "api", "The API"
    COMPLAINT = "complaint", "A complaint"
    MERGE = "merge", "A merge of two people"


class MailOptOut(models.Model):
    """A person does not want mails of a category, or none at all (no category). Operational ones
    come all the same. Written by journeys.consent.operations alone."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="+", db_index=False)
    category = models.ForeignKey(
        MailCategory, null=True, on_delete=models.CASCADE, related_name="opt_outs"
    )
    source = models.CharField(max_length=10, choices=ConsentSource)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-at", "-id"]
        verbose_name = "unsubscription"
        constraints = [
            # also: may this person be written to?
            models.UniqueConstraint(
                fields=["person", "category"], nulls_distinct=False, name="one_opt_out"
            )
        ]
        # the list, newest first
        indexes = [models.Index(fields=["-at", "-id"], name="opt_out_list")]

    def __str__(self) -> str:
        return f"{self.person}: {self.category or 'everything'}"


class ConsentChange(models.Model):
    """History of what people wanted. Append-only, no foreign keys: it outlives categories."""

    person_id = models.BigIntegerField()
    category_id = models.BigIntegerField(null=True, help_text="Empty: everything.")
    category_name = models.CharField(max_length=100, blank=True)
    opted_out = models.BooleanField()
    source = models.CharField(max_length=10, choices=ConsentSource)
    outbox_id = models.BigIntegerField(null=True, help_text="The mail whose link was used.")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        # what somebody wanted at an instant; the timeline
        indexes = [models.Index(fields=["person_id", "at", "id"], name="consent_history")]

    def __str__(self) -> str:
        what = self.category_name or "everything"
        return f"{self.person_id} {'left' if self.opted_out else 'joined'} {what}"


class TroubleReason(models.TextChoices):
    """Why an address is not written to."""

    HARD_BOUNCE = "hard_bounce", "Does not exist (hard bounce)"
    SOFT_BOUNCES = "soft_bounces", "Could not be reached several times"
    COMPLAINT = "complaint", "Complained about a mail"
    STAFF = "staff", "Suppressed by hand"


class MailTrouble(models.Model):
    """An address that mails did not reach. Suppressed while `blocked_at` is set; before that it
    counts soft bounces. In lower case; it goes with whoever has it."""

    address = models.CharField(max_length=254, unique=True)
    soft_bounces = models.SmallIntegerField(default=0)
    reason = models.CharField(max_length=12, choices=TroubleReason, blank=True)
    detail = models.CharField(max_length=500, blank=True)
    blocked_at = models.DateTimeField(null=True)
    last_at = models.DateTimeField()

    personal_columns = ("address", "detail")

    class Meta:
        ordering = ["-last_at", "-id"]
        verbose_name = "suppressed address"
        verbose_name_plural = "suppressed addresses"
        # the list, newest first
        indexes = [
            models.Index(
                fields=["-last_at", "-id"],
                condition=Q(blocked_at__isnull=False),
                name="blocked_list",
            )
        ]

    def __str__(self) -> str:
        return self.address

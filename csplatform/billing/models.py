"""Subscriptions, invoices and the history of both. Written by billing.operations alone."""

from django.db import models
from django.db.models import F, Q

from csplatform.customers.models import Company


class SubscriptionStatus(models.TextChoices):
    """Where a subscription stands, in the words of its billing system."""

    TRIAL = "trial", "Trial"
    ACTIVE = "active", "Active"
    PAST_DUE = "past_due", "Past due"
    PAUSED = "paused", "Paused"
    CANCELLED = "cancelled", "Cancelled"
    ENDED = "ended", "Ended"


class Interval(models.TextChoices):
    """How often it is billed."""

    MONTH = "month", "Monthly"
    QUARTER = "quarter", "Quarterly"
    YEAR = "year", "Yearly"
    ONCE = "once", "Once"


class InvoiceStatus(models.TextChoices):
    """Whether it was paid. "Overdue" is not stored: it is open and its due date has passed."""

    OPEN = "open", "Open"
    PAID = "paid", "Paid"
    VOID = "void", "Void"


class Subscription(models.Model):
    """What a company has agreed to pay."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    external_id = models.CharField(
        max_length=200,
        null=True,
        blank=True,
        unique=True,
        help_text="Its id in the billing system.",
    )
    plan = models.CharField(max_length=100, default="", blank=True)
    status = models.CharField(
        max_length=20, choices=SubscriptionStatus, default=SubscriptionStatus.ACTIVE
    )
    mrr = models.DecimalField("MRR", max_digits=14, decimal_places=2, null=True, blank=True)
    seats = models.PositiveIntegerField(null=True, blank=True)
    starts_on = models.DateField(null=True, blank=True)
    ends_on = models.DateField(null=True, blank=True)
    notice_days = models.PositiveIntegerField(
        null=True, blank=True, help_text="Notice is due so many days before the end."
    )
    billing_interval = models.CharField(max_length=10, choices=Interval, default="", blank=True)
    next_billing_on = models.DateField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_on__gte=F("starts_on"))
                | Q(starts_on__isnull=True)
                | Q(ends_on__isnull=True),
                name="subscription_ends_after_start",
            ),
            models.CheckConstraint(
                condition=Q(status__in=SubscriptionStatus.values), name="subscription_status_known"
            ),
        ]
        indexes = [
            # renewals: the list by end, and the flips of rules
            models.Index(fields=["ends_on", "id"], name="subscription_ends"),
        ]

    def __str__(self) -> str:
        return f"{self.plan or 'Subscription'} of {self.company}"


class Invoice(models.Model):
    """What a company owes or has paid."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    subscription = models.ForeignKey(
        Subscription, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    external_id = models.CharField(
        max_length=200,
        null=True,
        blank=True,
        unique=True,
        help_text="Its id in the billing system.",
    )
    number = models.CharField(max_length=100, default="", blank=True)
    amount = models.DecimalField(max_digits=14, decimal_places=2)
    currency = models.CharField(max_length=3, default="EUR", help_text="Like EUR or USD.")
    issued_on = models.DateField(null=True, blank=True)
    due_on = models.DateField(null=True, blank=True)
    paid_on = models.DateField(null=True, blank=True)
    status = models.CharField(max_length=10, choices=InvoiceStatus, default=InvoiceStatus.OPEN)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status="paid") | Q(paid_on__isnull=True), name="invoice_paid_is_paid"
            ),
            models.CheckConstraint(
                condition=Q(status__in=InvoiceStatus.values), name="invoice_status_known"
            ),
        ]
        indexes = [
            # what is overdue: the list, the figures and the flips of rules
            models.Index(fields=["due_on", "id"], condition=Q(status="open"), name="invoice_open"),
        ]

    def __str__(self) -> str:
        return f"Invoice {self.number or self.external_id or self.pk} of {self.company}"


class BillingChange(models.Model):
    """History of both. Append-only; rules as of the past read it.

    `old` and `new` are whole rows as JSON: `old` null for a new row, `new` null for a deleted one.
    """

    kind = models.CharField(max_length=20)
    row_id = models.BigIntegerField()
    company_id = models.BigIntegerField()
    old = models.JSONField(null=True)
    new = models.JSONField(null=True)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(auto_now_add=True)
    cause = models.JSONField(default=dict)

    class Meta:
        ordering = ["-id"]
        indexes = [
            # rows of companies as of an instant; the history of one company
            models.Index(fields=["company_id", "kind", "id"], name="billing_history"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.row_id}"

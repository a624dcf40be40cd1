"""Where webhooks go."""

from django.db import models
from django.db.models import Q


class WebhookEndpoint(models.Model):
    """A receiver of webhooks. Secrets and headers are sealed (kit.sealed) and never shown again.

    A receiver that fails again and again rests (`paused_until`): its queue waits without using up
    attempts. `failures` and `rests` count those in a row; a delivery sets both to 0.
    """

    name = models.CharField(max_length=200, unique=True)
    url = models.CharField(
        "address",
        max_length=2000,
        help_text="Starts with https://. Addresses of private networks are refused.",
    )
    is_active = models.BooleanField(
        "active",
        default=True,
        help_text="Switched off, nothing is sent; what waits is cancelled and can be sent again.",
    )
    off_reason = models.CharField(max_length=200, blank=True, editable=False)
    sealed_secret = models.TextField(editable=False)
    sealed_old_secret = models.TextField(blank=True, default="", editable=False)
    old_secret_until = models.DateTimeField(null=True, blank=True, editable=False)
    sealed_headers = models.TextField(blank=True, default="", editable=False)
    failures = models.IntegerField(default=0, editable=False)
    rests = models.IntegerField(default=0, editable=False)
    paused_until = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    personal_columns = ()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=~Q(sealed_secret=""), name="webhook_has_a_secret"),
            models.CheckConstraint(
                condition=Q(sealed_old_secret="", old_secret_until=None)
                | (~Q(sealed_old_secret="") & Q(old_secret_until__isnull=False)),
                name="webhook_old_secret_ends",
            ),
            models.CheckConstraint(
                condition=Q(failures__gte=0, rests__gte=0), name="webhook_counts_upward"
            ),
        ]

    def __str__(self) -> str:
        return self.name

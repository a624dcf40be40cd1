"""Links under which a customer sees its own snapshot. Written by snapshots.sharing alone."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from csplatform.customers.models import Company


class SnapshotShareQuerySet(models.QuerySet["SnapshotShare"]):
    """Set reads of links."""

    def alive(self, now: datetime) -> "SnapshotShareQuerySet":
        """Those that open: neither revoked nor expired, of a company that is still there."""
        return self.filter(revoked_at=None, expires_at__gt=now, company__merged_into=None)


class SnapshotShare(models.Model):
    """A link. Only the token's digest is kept: who reads the table cannot open the page."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField("expires")
    revoked_at = models.DateTimeField("revoked", null=True)
    last_seen_at = models.DateTimeField("opened last", null=True)

    personal_columns = ()
    objects = SnapshotShareQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "shared link"
        constraints = [
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("made_at")), name="share_expires_after_it_was_made"
            )
        ]

    def __str__(self) -> str:
        return f"Link of {self.company}"

    def state(self, now: datetime) -> str:
        """In a word."""
        if self.revoked_at:
            return "Revoked"
        return "Open" if self.expires_at > now else "Expired"

"""Staff users, their API keys and what they changed."""

import hashlib
import hmac
import secrets

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models


class Role(models.TextChoices):
    """What a staff user does here; `accounts.roles` says what each may."""

    ADMIN = "admin", "Admin"
    PROGRAM_MANAGER = "program_manager", "Program manager"
    CSM = "csm", "CSM"
    AGENT = "agent", "Chat agent"
    ANALYST = "analyst", "Analyst"
    READ_ONLY = "read_only", "Read only"


class User(AbstractUser):
    """A member of staff. The customers' people are `customers.Person`."""

    role = models.CharField(
        max_length=20,
        choices=Role,
        default=Role.READ_ONLY,
        help_text="Decides what this person may see, edit and publish.",
    )
    time_zone = models.CharField(max_length=64, default="UTC")

    class Meta(AbstractUser.Meta):
        ordering = ["username"]

    def __str__(self) -> str:
        return self.get_full_name() or self.username


class ApiKey(models.Model):
    """A key for the REST API. Only its hash is stored; the key itself is shown once."""

    SCOPES = [("read", "Read everything"), ("write", "Create and change"), ("publish", "Publish")]

    name = models.CharField(max_length=100, help_text="What uses this key, e.g. “Warehouse sync”.")
    prefix = models.CharField(max_length=12, unique=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    scopes = ArrayField(models.CharField(max_length=20, choices=SCOPES), default=list)
    user = models.ForeignKey(
        User,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="The key may do what this user may, within its scopes.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["name", "id"]
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @staticmethod
    def generate() -> tuple[str, str, str]:
        """A new key: (key to show once, prefix, digest)."""
        prefix = secrets.token_hex(4)
        key = f"csp_{prefix}_{secrets.token_urlsafe(24)}"
        return key, prefix, hashlib.sha256(key.encode()).hexdigest()

    def matches(self, key: str) -> bool:
        """Whether `key` is this one, in constant time."""
        return hmac.compare_digest(self.digest, hashlib.sha256(key.encode()).hexdigest())


class AuditEntry(models.Model):
    """One configuration change. Append-only; written by `kit.audit.record` alone."""

    at = models.DateTimeField(auto_now_add=True, db_index=True)
    actor = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    actor_label = models.CharField(max_length=200)
    verb = models.CharField(max_length=60)
    subject_type = models.CharField(max_length=80)
    subject_id = models.CharField(max_length=40)
    subject_label = models.CharField(max_length=200)
    before = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    after = models.JSONField(default=dict, encoder=DjangoJSONEncoder)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "audit entries"
        indexes = [
            # the History page of one object
            models.Index(fields=["subject_type", "subject_id", "-id"], name="audit_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_label} {self.verb} {self.subject_label}"

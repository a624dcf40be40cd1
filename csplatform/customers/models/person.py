"""The customers' people, how they are known elsewhere, and where they work."""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models.functions import Lower

from csplatform.customers.models.company import Company


class Person(models.Model):
    """Somebody at a customer. Written by customers.operations alone."""

    email = models.EmailField(max_length=254, null=True, blank=True)
    name = models.CharField(max_length=200, blank=True)
    role = models.CharField(max_length=100, blank=True, help_text="Job role, e.g. “Head of ops”.")
    persona = models.CharField(max_length=100, blank=True)
    language = models.CharField(max_length=20, default="en")
    time_zone = models.CharField(
        max_length=64, blank=True, help_text="Empty: the company's time zone counts."
    )
    attributes = models.JSONField(default=dict, blank=True)
    merged_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    erased_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    personal_columns = ("email", "name", "role", "persona", "attributes")

    class Meta:
        ordering = ["name", "id"]
        verbose_name_plural = "people"
        permissions = [("erase_person", "Can erase people for good")]
        constraints = [
            # One living person per address; tombstones of merges keep theirs for the record.
            models.UniqueConstraint(
                Lower("email"),
                condition=models.Q(merged_into=None, erased_at=None, email__isnull=False),
                name="one_person_per_email",
                violation_error_message="Somebody else has this email address already.",
            )
        ]
        indexes = [
            GinIndex(fields=["attributes"], opclasses=["jsonb_path_ops"], name="person_attrs"),
            # prefix search of the lists: lower(name) LIKE 'an%', whatever the server's collation
            models.Index(OpClass(Lower("name"), "text_pattern_ops"), name="person_name_prefix"),
            models.Index(OpClass(Lower("email"), "text_pattern_ops"), name="person_email_prefix"),
            # the admin list, page by page
            models.Index(fields=["name", "id"], name="person_list"),
        ]

    def __str__(self) -> str:
        return self.name or self.email or f"Person {self.pk}"


class ExternalId(models.Model):
    """An id by which a person is known elsewhere: the host product's user id, a CRM id ..."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="external_ids")
    kind = models.CharField(max_length=40, default="user_id")
    value = models.CharField(max_length=200)

    personal_columns = ("value",)

    class Meta:
        ordering = ["person", "kind"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "value"],
                name="one_person_per_external_id",
                violation_error_message="Somebody else is known by this id already.",
            )
        ]
        # search by an id whose kind is not known
        indexes = [models.Index(fields=["value"], name="external_id_value")]

    def __str__(self) -> str:
        return f"{self.kind}: {self.value}"


class Membership(models.Model):
    """A person works at a company. The first one is the primary company."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="memberships")
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="memberships")
    is_primary = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["person", "-is_primary", "id"]
        constraints = [
            models.UniqueConstraint(fields=["person", "company"], name="one_membership"),
            models.UniqueConstraint(
                fields=["person"], condition=models.Q(is_primary=True), name="one_primary_company"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} at {self.company}"


class MembershipChange(models.Model):
    """History of company links. Append-only."""

    person_id = models.BigIntegerField()
    company_id = models.BigIntegerField()
    joined = models.BooleanField()
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(auto_now_add=True)
    cause = models.JSONField(default=dict)

    class Meta:
        ordering = ["id"]
        indexes = [
            # companies of a person as of an instant; the two timelines
            models.Index(fields=["person_id", "occurred_at"], name="membership_history"),
            models.Index(fields=["company_id", "occurred_at"], name="membership_company_history"),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} {'joined' if self.joined else 'left'} {self.company_id}"


class SuppressedAddress(models.Model):
    """An address that must not be written to again, as a keyed hash: it can be recognised when it
    comes back, and not be read. Written by customers.operations alone."""

    digest = models.CharField(max_length=64, unique=True)
    reason = models.CharField(max_length=40)
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "suppressed addresses"

    def __str__(self) -> str:
        return f"{self.reason}: {self.digest[:8]}…"


class PersonActivity(models.Model):
    """Counters of a person, apart from it so that each event rewrites a narrow row only."""

    person = models.OneToOneField(
        Person, on_delete=models.CASCADE, primary_key=True, related_name="activity"
    )
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    event_count = models.BigIntegerField(default=0)

    class Meta:
        ordering = ["-last_seen_at"]
        verbose_name_plural = "person activity"
        # lists sorted by "last seen"
        indexes = [models.Index(fields=["-last_seen_at"], name="person_last_seen")]

    def __str__(self) -> str:
        return f"{self.person}: {self.last_seen_at:%Y-%m-%d %H:%M}"

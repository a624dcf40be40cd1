"""Declared custom attributes and the history of all values."""

from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models


class Subject(models.TextChoices):
    """Who has attributes, segments, programs."""

    PERSON = "person", "Person"
    COMPANY = "company", "Company"


class AttributeType(models.TextChoices):
    """Types of custom attributes. "link" is a URL."""

    TEXT = "text", "Text"
    NUMBER = "number", "Number"
    BOOLEAN = "boolean", "Yes / no"
    DATE = "date", "Date"
    DATETIME = "datetime", "Date and time"
    CHOICE = "choice", "Choice"
    LIST = "list", "List"
    LINK = "link", "Link"


class AttributeDefinition(models.Model):
    """A custom attribute that admins declared; values live in `attributes` under `name`."""

    subject = models.CharField(max_length=10, choices=Subject)
    name = models.CharField(
        max_length=60,
        validators=[RegexValidator(r"^[a-z][a-z0-9_]*$", "Use lower-case letters, digits and _.")],
        help_text="The key in data and tokens, e.g. “plan”. It cannot change later.",
    )
    label = models.CharField(max_length=100)
    type = models.CharField(max_length=10, choices=AttributeType)
    choices = ArrayField(
        models.CharField(max_length=100),
        default=list,
        blank=True,
        help_text="For type “Choice”: the allowed values.",
    )
    is_personal = models.BooleanField(default=False, help_text="Erased with the person.")

    class Meta:
        ordering = ["subject", "label"]
        constraints = [
            models.UniqueConstraint(fields=["subject", "name"], name="one_attribute_per_name")
        ]

    def __str__(self) -> str:
        return f"{self.label} ({self.get_subject_display()})"


class AttributeChange(models.Model):
    """History of attribute and field values. Append-only; rules as of the past read it.

    Values that a subject was created with have no row: the value as of an instant is `new` of the
    last change up to it, else `old` of the first change after it, else the present value.
    """

    subject = models.CharField(max_length=10, choices=Subject)
    subject_id = models.BigIntegerField()
    name = models.CharField(max_length=60)
    old = models.JSONField(null=True)
    new = models.JSONField(null=True)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(auto_now_add=True)
    cause = models.JSONField(default=dict)

    personal_columns = ("old", "new")

    class Meta:
        ordering = ["id"]
        indexes = [
            # value of an attribute as of an instant; the timeline of one subject
            models.Index(fields=["subject", "subject_id", "name", "id"], name="attribute_history")
        ]

    def __str__(self) -> str:
        return f"{self.subject} {self.subject_id} {self.name}"

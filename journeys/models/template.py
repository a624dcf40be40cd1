"""Mail templates."""

from django.db import models

from journeys.models.consent import MailCategory


class EmailTemplate(models.Model):
    """A mail with tokens. The body is a list of typed blocks (kit.blocks), never HTML."""

    name = models.CharField(max_length=200, unique=True)
    subject = models.CharField(max_length=300, help_text="Tokens work here: {{ person.name }}")
    preheader = models.CharField(
        max_length=200, blank=True, help_text="The grey line that inboxes show after the subject."
    )
    sender_name = models.CharField(max_length=100, blank=True, help_text="Empty: the default.")
    reply_to = models.EmailField(blank=True)
    category = models.ForeignKey(
        MailCategory, null=True, blank=True, on_delete=models.PROTECT, related_name="templates",
        help_text="What it is about: people unsubscribe by category. Without one, unsubscribing "
        "from it means everything.",
    )  # fmt: skip
    blocks = models.JSONField(default=list)
    updated_at = models.DateTimeField(auto_now=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        verbose_name = "mail template"

    def __str__(self) -> str:
        return self.name


class EmailTemplateRevision(models.Model):
    """What a template said when a mail left. Immutable; the sender writes one per content.

    A message keeps the revision's id and the values that were filled in, so that the desk shows
    the mail as it went out, whatever became of the template. No foreign key: it outlives it.
    """

    template_id = models.BigIntegerField()
    digest = models.CharField(max_length=64, help_text="SHA-256 of the content.")
    content = models.JSONField()
    first_used_at = models.DateTimeField()

    class Meta:
        ordering = ["template_id", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["template_id", "digest"], name="one_revision_per_content"
            )
        ]

    def __str__(self) -> str:
        return f"revision {self.pk} of template {self.template_id}"

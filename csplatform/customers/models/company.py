"""Companies and who on our side looks after them."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models.functions import Lower


class Stage(models.TextChoices):
    """Where a customer stands in its life with us."""

    TRIAL = "trial", "Trial"
    ONBOARDING = "onboarding", "Onboarding"
    LIVE = "live", "Live"
    RENEWAL = "renewal", "Renewal"


class CompanyStatus(models.TextChoices):
    """Whether it is a customer at all."""

    ACTIVE = "active", "Active"
    CHURNED = "churned", "Churned"


class Company(models.Model):
    """A customer account. Written by customers.operations alone."""

    name = models.CharField(max_length=200)
    external_id = models.CharField(
        max_length=200, null=True, blank=True, unique=True, help_text="Its id in your own systems."
    )
    domains = ArrayField(models.CharField(max_length=253), default=list, blank=True)
    stage = models.CharField(max_length=20, choices=Stage, default=Stage.TRIAL)
    status = models.CharField(max_length=20, choices=CompanyStatus, default=CompanyStatus.ACTIVE)
    arr = models.DecimalField("ARR", max_digits=14, decimal_places=2, null=True, blank=True)
    mrr = models.DecimalField("MRR", max_digits=14, decimal_places=2, null=True, blank=True)
    renewal_date = models.DateField(null=True, blank=True)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="children"
    )
    csm = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name="CSM",
    )
    time_zone = models.CharField(max_length=64, default="UTC")
    tags = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    attributes = models.JSONField(default=dict, blank=True)
    merged_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)

    # Columns that hold personal data; erase and export walk them.
    personal_columns: tuple[str, ...] = ()

    class Meta:
        ordering = ["name", "id"]
        verbose_name_plural = "companies"
        indexes = [
            GinIndex(fields=["attributes"], opclasses=["jsonb_path_ops"], name="company_attrs"),
            models.Index(fields=["csm"], name="company_csm"),
            # prefix search of the lists: lower(name) LIKE 'ac%', whatever the server's collation
            models.Index(OpClass(Lower("name"), "text_pattern_ops"), name="company_name_prefix"),
            # the admin list, page by page
            models.Index(fields=["name", "id"], name="company_list"),
            # a person's company by the domain of a mail address
            GinIndex(fields=["domains"], name="company_domains"),
        ]

    def __str__(self) -> str:
        return self.name


class CompanyOwner(models.Model):
    """Somebody of ours with a role at a company besides the CSM."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="owners")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    role = models.CharField(max_length=60, help_text="e.g. “Support engineer”, “Executive sponsor”")

    class Meta:
        ordering = ["company", "role"]
        constraints = [
            models.UniqueConstraint(fields=["company", "user", "role"], name="one_owner_per_role")
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.role})"


class CsmTurn(models.Model):
    """When somebody was given a company last, as a number that rises: whose turn it is next.

    Written with each assignment of a CSM by customers.operations alone.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    turn = models.BigIntegerField()

    class Meta:
        ordering = ["turn"]
        verbose_name = "CSM's turn"

    def __str__(self) -> str:
        return f"{self.user}: {self.turn}"


class CompanyActivity(models.Model):
    """Counters of a company, apart from it so that each event rewrites a narrow row only."""

    company = models.OneToOneField(
        Company, on_delete=models.CASCADE, primary_key=True, related_name="activity"
    )
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    event_count = models.BigIntegerField(default=0)

    class Meta:
        ordering = ["-last_seen_at"]
        verbose_name_plural = "company activity"
        # lists sorted by "last seen"
        indexes = [models.Index(fields=["-last_seen_at"], name="company_last_seen")]

    def __str__(self) -> str:
        return f"{self.company}: {self.last_seen_at:%Y-%m-%d %H:%M}"

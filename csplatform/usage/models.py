"""The usage tree. Written by usage.operations alone."""

from typing import Any, ClassVar

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q


class Level(models.TextChoices):
    """How deep a part stands."""

    PRODUCT = "product", "Product"
    MODULE = "module", "Module"
    FEATURE = "feature", "Feature"


BELOW = {Level.PRODUCT: Level.MODULE, Level.MODULE: Level.FEATURE}


class Measure(models.TextChoices):
    """What adoption counts."""

    TIMES = "times", "times"
    DAYS = "days", "different days"
    PEOPLE = "people", "different people"
    FEATURES = "features", "different features"


class UsagePart(models.Model):
    """A product, module or feature. Rules name it by its path, which never changes.

    A feature is the use of an event whose properties meet all demands in `where`. A part counts as
    adopted when its use reaches `adopted_count` of the measure within `adopted_days`.
    """

    level = models.CharField(max_length=10, choices=Level, editable=False)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="children"
    )
    name = models.CharField(
        "key",
        max_length=60,
        validators=[
            RegexValidator(r"^[a-z0-9][a-z0-9_-]*$", "Use lower-case letters, digits, - _.")
        ],
        help_text="Its place in rules, e.g. “export”. It cannot change later.",
    )
    path = models.CharField(max_length=200, unique=True, editable=False)
    label = models.CharField(max_length=100)
    position = models.PositiveIntegerField(default=0, editable=False)
    event = models.CharField(max_length=200, default="", blank=True)
    where = models.JSONField(default=list, blank=True)
    adopted_measure = models.CharField(
        max_length=10, choices=Measure, default="", blank=True, verbose_name="adopted when used"
    )
    adopted_count = models.PositiveIntegerField("at least", null=True, blank=True)
    adopted_days = models.PositiveIntegerField("in the last … days", null=True, blank=True)

    class Meta:
        ordering = ["path"]
        verbose_name = "part of the usage tree"
        verbose_name_plural = "usage tree"
        constraints = [
            models.CheckConstraint(
                condition=Q(level="product", parent=None)
                | Q(level__in=["module", "feature"], parent__isnull=False),
                name="usage_products_stand_on_top",
            ),
            models.CheckConstraint(
                condition=Q(level="feature") & ~Q(event="") | ~Q(level="feature") & Q(event=""),
                name="usage_features_have_events",
            ),
            models.CheckConstraint(
                condition=Q(adopted_measure="", adopted_count=None, adopted_days=None)
                | ~Q(adopted_measure="") & Q(adopted_count__gte=1, adopted_days__gte=1),
                name="usage_adoption_is_whole",
            ),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def has_threshold(self) -> bool:
        """Whether it is said when the part counts as adopted."""
        return bool(self.adopted_measure)


class ProductManager(models.Manager[Any]):
    """Products alone."""

    def get_queryset(self) -> models.QuerySet[Any]:
        """Those on top."""
        return super().get_queryset().filter(level=Level.PRODUCT)


class Product(UsagePart):
    """A product as a whole, with what stands below it: what an export is of."""

    objects: ClassVar[Any] = ProductManager()

    class Meta:
        proxy = True
        ordering = ["name"]

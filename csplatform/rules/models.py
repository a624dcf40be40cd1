"""What whoever keeps parsed rules has to know."""

from django.db import models


class Revision(models.Model):
    """One row: it changes whenever what rules name changes its meaning; see `rules.meaning`."""

    value = models.UUIDField()

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return str(self.value)

"""Chains of causes that were stopped, for looking at."""

from django.contrib import admin

from csplatform.adminkit.base import ReadOnlyAdmin
from csplatform.freshness.models import BrakeStop


@admin.register(BrakeStop)
class BrakeStopAdmin(ReadOnlyAdmin):
    """A rule changed something that changed a rule ... more than ten times over."""

    icon = "all_inclusive"
    in_palette = False
    list_display = ("at", "subject", "subject_id", "key", "depth")
    list_filter = ("subject",)
    ordering = ("-id",)
    empty_title = "No chain was stopped"
    empty_text = "Programs and segments that keep triggering each other would stand here."

"""Health profiles in the admin."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from csplatform.adminkit.base import ModelAdmin, ReadOnlyAdmin
from csplatform.adminkit.templatetags.console import when
from csplatform.customers.attributes import attribute_specs
from csplatform.health.kind import measure_kinds
from csplatform.health.models import HealthMeasure, HealthProfile, HealthScore
from csplatform.health.operations import (
    MeasureInput,
    ProfileInput,
    delete_profile,
    save_profile,
)
from csplatform.health.scoring import parse_tiers, tiers_text
from csplatform.segments.models import Segment


class MeasureForm(forms.ModelForm):
    """A measure in a line; tiers as words."""

    kind = forms.ChoiceField(
        choices=lambda: [(kind.key, kind.label) for kind in measure_kinds],
        widget=UnfoldAdminSelectWidget,
    )
    attribute = forms.ChoiceField(
        choices=lambda: [
            ("", "–"),
            *((s.name, s.label) for s in attribute_specs("company").values() if s.type == "number"),
        ],
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    tiers_words = forms.CharField(
        label="Points",
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Up to which value how many points, e.g. 0 = 0, 5 = 50, more = 100. Empty: the"
        " usual ones.",
    )

    class Meta:
        model = HealthMeasure
        fields = ["kind", "label", "weight", "event", "days", "attribute"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["tiers_words"].initial = tiers_text(self.instance.tiers)

    def clean(self) -> dict[str, Any]:
        """Tiers are read, and the kind is asked what is missing."""
        given = super().clean() or {}
        kind = given.get("kind")
        if not kind:
            return given
        words = given.get("tiers_words") or measure_kinds.get(kind).tiers
        try:
            self.instance.tiers = given["tiers"] = parse_tiers(words)
        except ValueError as error:
            self.add_error("tiers_words", str(error))
        measure = HealthMeasure(kind=kind, attribute=given.get("attribute") or "")
        if wrong := measure_kinds.get(kind).problem(measure):
            self.add_error("attribute", wrong)
        return given


class MeasureFormSet(forms.BaseInlineFormSet):
    """At least one measure."""

    def clean(self) -> None:
        """A profile that measures nothing gives nobody a score."""
        super().clean()
        if any(self.errors):
            return
        if not [f for f in self.forms if f.cleaned_data and not f.cleaned_data.get("DELETE")]:
            raise ValidationError("Add at least one measure.")


class MeasureInline(TabularInline):
    """The measures of a profile."""

    model = HealthMeasure
    form = MeasureForm
    formset = MeasureFormSet
    extra = 0
    min_num = 1
    fields = ["kind", "label", "weight", "event", "days", "attribute", "tiers_words"]


@admin.register(HealthProfile)
class HealthProfileAdmin(ModelAdmin):
    """How health is measured."""

    icon = "favorite"
    inlines = [MeasureInline]
    list_display = [
        "name",
        "shown_segment",
        "position",
        "is_active",
        "shown_measures",
        "shown_companies",
    ]
    list_select_related = ["segment"]
    search_fields = ["name"]
    ordering = ["position", "id"]
    fields = [("name", "segment"), ("position", "is_active"), ("good_from", "poor_below")]
    empty_title = "No health profiles yet"
    empty_text = (
        "A profile says what makes a company healthy: weighted measures with points. One without a "
        "segment is for everybody whom no other profile takes."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[HealthProfile]:
        """With the number of measures."""
        return super().get_queryset(request).annotate(measure_count=Count("measures"))

    def complete(self, rows: list[Any]) -> None:
        """How many companies each one measures: one query."""
        counts = dict(
            HealthScore.objects.filter(profile__in=rows, score__isnull=False)
            .order_by()
            .values_list("profile")
            .annotate(Count("company"))
        )
        for row in rows:
            row.company_count = counts.get(row.pk, 0)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Segments of companies only."""
        if db_field.name == "segment":
            kwargs["queryset"] = Segment.objects.of("company")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    @admin.display(description="Of", ordering="segment__name")
    def shown_segment(self, row: HealthProfile) -> str:
        """The segment."""
        return str(row.segment) if row.segment else "Everybody else"

    @admin.display(description="Measures", ordering="measure_count")
    def shown_measures(self, row: Any) -> int:
        """How many."""
        return int(row.measure_count)

    @admin.display(description="Companies")
    def shown_companies(self, row: Any) -> str | SafeString:
        """How many it measures, leading to them."""
        if not row.company_count:
            return "–"
        url = reverse("admin:health_healthscore_changelist")
        link = '<a class="cs-link" href="{}?profile__id__exact={}">{}</a>'
        return format_html(link, url, row.pk, f"{row.company_count:,}")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Saved with its measures, through the operation."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Profile and measures at once."""
        obj, [measures] = form.instance, formsets
        lines = [
            MeasureInput(
                kind=given["kind"], tiers=given["tiers"], label=given.get("label") or "",
                weight=given["weight"], event=given.get("event") or "", days=given["days"],
                attribute=given.get("attribute") or "",
            )
            for item in measures.forms
            if (given := item.cleaned_data) and not given.get("DELETE")
        ]  # fmt: skip
        given = ProfileInput(
            obj.name, obj.segment_id, obj.position, obj.good_from, obj.poor_below, obj.is_active,
            lines,
        )  # fmt: skip
        obj.pk = save_profile(given, actor=request.user, profile_id=obj.pk if change else None).pk
        for item in (measures,):  # Django's log asks what changed
            item.new_objects, item.changed_objects, item.deleted_objects = [], [], []

    def delete_model(self, request: HttpRequest, obj: HealthProfile) -> None:
        """Through the operation."""
        delete_profile(obj.pk, actor=request.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[HealthProfile]) -> None:
        """Each through the operation."""
        for row in queryset:
            delete_profile(row.pk, actor=request.user)


@admin.register(HealthScore)
class HealthScoreAdmin(ReadOnlyAdmin):
    """How companies stand."""

    icon = "monitor_heart"
    list_display = ["shown_company", "score", "label", "weakest", "profile", "computed", "changed"]
    list_display_links = None
    list_filter = ["label", "profile"]
    search_fields = ["company__name__istartswith"]
    list_select_related = ["company", "profile"]
    ordering = ["score", "company"]
    empty_title = "No scores yet"
    empty_text = "Make a health profile; scores are worked out within a minute."

    @admin.display(description="Company", ordering="company__name")
    def shown_company(self, row: HealthScore) -> SafeString:
        """Leading to its page."""
        url = reverse("company-snapshot", args=[row.company_id])
        return format_html('<a class="cs-link" href="{}">{}</a>', url, row.company)

    @admin.display(description="Weakest")
    def weakest(self, row: HealthScore) -> str:
        """The measure with the fewest points."""
        known = [r for r in row.reasons if r["points"] is not None]
        lowest = min(known, key=lambda r: r["points"], default=None)
        return f"{lowest['label']}: {lowest['points']}" if lowest else "–"

    @admin.display(description="Looked at", ordering="computed_at")
    def computed(self, row: HealthScore) -> str:
        """How long ago."""
        return when(row.computed_at)

    @admin.display(description="Changed", ordering="changed_at")
    def changed(self, row: HealthScore) -> str:
        """How long ago."""
        return when(row.changed_at)

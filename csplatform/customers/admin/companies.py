"""Companies in the admin."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    RangeDateFilter,
    RangeNumericFilter,
    TextFilter,
)
from unfold.decorators import display

from csplatform.adminkit.export import ExportColumn
from csplatform.adminkit.templatetags.console import figure, when
from csplatform.customers.admin.subject import SubjectAdmin, seen
from csplatform.customers.columns import COLUMNS
from csplatform.customers.models import Company, CompanyOwner, Membership
from csplatform.customers.models.company import CompanyStatus, Stage
from csplatform.customers.operations.attributes import patch_attributes
from csplatform.customers.operations.companies import (
    CompanyInput,
    assign_csm,
    set_parent,
    upsert_companies,
)
from csplatform.customers.operations.owners import set_owners
from csplatform.kit.errors import Conflict

STAGE_COLOURS = {
    Stage.TRIAL.label: "info",
    Stage.ONBOARDING.label: "primary",
    Stage.LIVE.label: "success",
    Stage.RENEWAL.label: "warning",
}


class TagFilter(TextFilter):
    """Companies with a tag."""

    title = "tag"
    parameter_name = "tag"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Company]) -> QuerySet[Company]:
        """Those that carry it."""
        return queryset.filter(tags__contains=[self.value()]) if self.value() else queryset


class OwnerInline(TabularInline):
    """Others of ours who look after a company."""

    model = CompanyOwner
    hide_title = True
    autocomplete_fields = ("user",)
    extra = 0
    verbose_name = "other owner"


class CompanyForm(forms.ModelForm):
    """Texts of the fields that need one."""

    class Meta:
        model = Company
        fields: tuple[str, ...] = ()  # the admin's fieldsets say which
        help_texts = {
            "domains": "Separate by commas, e.g. acme.com, acme.co.uk.",
            "tags": "Separate by commas.",
            "time_zone": "A name like Europe/Paris.",
            "csm": "Who looks after this company.",
        }


@admin.register(Company)
class CompanyAdmin(SubjectAdmin):
    """Customer accounts."""

    subject = "company"
    form = CompanyForm
    icon = "apartment"
    more_columns = (
        ExportColumn("CSM", lambda row: row.csm.username if row.csm else ""),
        ExportColumn("People", lambda row: row.people_count),
        ExportColumn("Last seen", lambda row: seen(row)),
    )
    inlines = (OwnerInline,)
    list_display = (
        "title", "shown_stage", "shown_status", "shown_arr", "renewal_date", "csm",
        "people", "last_seen",
    )  # fmt: skip
    list_filter = (
        "stage",
        "status",
        ("csm", AutocompleteSelectFilter),
        ("arr", RangeNumericFilter),
        ("renewal_date", RangeDateFilter),
        TagFilter,
    )
    search_fields = ("name",)
    search_help_text = "Start of the name, a domain or an external id"
    ordering = ("name", "id")
    autocomplete_fields = ("csm", "parent")
    empty_title = "No companies yet"
    empty_text = (
        "Companies arrive by the API and by the tracker's group call,"
        " or you add the first one by hand."
    )
    fieldsets = (
        (None, {"fields": ("name", ("external_id", "time_zone"), "domains", "tags")}),
        (
            "Business",
            {"fields": (("stage", "status"), ("arr", "mrr"), ("renewal_date", "csm"), "parent")},
        ),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Company]:
        """With what the list shows, in one query."""
        return super().get_queryset(request).select_related("csm", "activity")

    def complete(self, rows: list[Any]) -> None:
        """How many people belong to the companies of a page."""
        links = Membership.objects.filter(company__in=rows).order_by().values_list("company_id")
        counts = dict(links.annotate(Count("id")))
        for company in rows:
            company.people_count = counts.get(company.pk, 0)

    @display(description="Company", header=True, ordering="name")
    def title(self, company: Company) -> list[str]:
        """Name and first domain."""
        return [company.name, ", ".join(company.domains[:2]), company.name[:1].upper()]

    @display(description="Stage", label=STAGE_COLOURS, ordering="stage")
    def shown_stage(self, company: Company) -> str:
        """As a coloured label."""
        return company.get_stage_display()

    @display(description="Status", label={CompanyStatus.CHURNED.label: "danger"})
    def shown_status(self, company: Company) -> str:
        """As a coloured label."""
        return company.get_status_display()

    @display(description="ARR", ordering="arr")
    def shown_arr(self, company: Company) -> str:
        """With thousands separators."""
        return figure(company.arr)

    @display(description="People")
    def people(self, company: Any) -> SafeString:
        """How many, leading to them."""
        link = reverse("admin:customers_person_changelist")
        return format_html(
            '<a class="cs-link" href="{}?memberships__company__id__exact={}">{}</a>',
            link, company.pk, company.people_count,
        )  # fmt: skip

    @display(description="Last seen", ordering="activity__last_seen_at")
    def last_seen(self, company: Company) -> str:
        """The last event of anybody there."""
        return when(company.activity.last_seen_at if hasattr(company, "activity") else None)

    def save_model(
        self, request: HttpRequest, obj: Company, form: forms.ModelForm, change: bool
    ) -> None:
        """Write through the operations, so that history and touches come along."""
        values = self.stated(form, COLUMNS["company"], change)
        if change:
            patch_attributes("company", {obj.pk: values}, actor=request.user)
        else:
            obj.pk = _add(values, request)
        if "csm" in form.changed_data:
            assign_csm([obj.pk], form.cleaned_data["csm"], actor=request.user)
        if "parent" in form.changed_data:
            company = Company.objects.get(pk=obj.pk)
            set_parent(company, form.cleaned_data["parent"], actor=request.user)
        obj.refresh_from_db()

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The other owners, through the operation."""
        for formset in formsets:
            if formset.model is not CompanyOwner:
                continue
            kept = [f.cleaned_data for f in formset.forms if f.cleaned_data.get("user")]
            owners = [(d["role"], d["user"].pk) for d in kept if not d.get("DELETE")]
            set_owners(form.instance.pk, owners, actor=request.user)
            formset.new_objects = formset.changed_objects = formset.deleted_objects = []

    def has_delete_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        """Companies churn, they are not deleted: events and history name them."""
        return False


def _add(values: dict[str, Any], request: HttpRequest) -> int:
    """A new company; one that is known already is not overwritten."""
    name, external_id = values.pop("name"), values.pop("external_id", None)
    domains = values.pop("domains", None)
    item = CompanyInput(name=name, external_id=external_id, domains=domains, attributes=values)
    result = upsert_companies([item], actor=request.user)[0]
    if not result.created:
        raise Conflict(
            "There is a company with this external id, domain or name already.", path="/name"
        )
    return result.id

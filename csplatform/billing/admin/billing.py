"""Lists and forms of subscriptions and invoices; they write through the room's operations."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateFilter,
    RangeNumericFilter,
    TextFilter,
)
from unfold.decorators import display

from csplatform.adminkit.base import ModelAdmin
from csplatform.adminkit.templatetags.console import figure
from csplatform.billing.filters import overdue
from csplatform.billing.ledger import INVOICES, SUBSCRIPTIONS, Ledger
from csplatform.billing.models import Invoice, InvoiceStatus, Subscription, SubscriptionStatus
from csplatform.billing.operations.upsert import BillingInput, delete, upsert
from csplatform.customers.operations.companies import CompanyRef
from csplatform.kit.clock import now
from csplatform.kit.errors import DomainError, Problem

STATUS_COLOURS = {
    SubscriptionStatus.ACTIVE.label: "success",
    SubscriptionStatus.TRIAL.label: "info",
    SubscriptionStatus.PAST_DUE.label: "warning",
    SubscriptionStatus.CANCELLED.label: "danger",
    SubscriptionStatus.ENDED.label: "danger",
}
INVOICE_COLOURS = {"Overdue": "danger", "Open": "info", "Paid": "success"}


class BillingAdmin(ModelAdmin):
    """What both lists have in common."""

    ledger: ClassVar[Ledger]
    icon = "receipt_long"
    autocomplete_fields: tuple[str, ...] = ("company",)
    list_select_related = ("company",)
    list_per_page = 50
    ordering = ("-id",)

    @display(description="Company", ordering="company__name")
    def shown_company(self, row: Any) -> SafeString:
        """Leading to its snapshot."""
        link = reverse("company-snapshot", args=[row.company_id])
        return format_html('<a class="cs-link" href="{}">{}</a>', link, row.company.name)

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm, change: bool) -> None:
        """Through the operation, so that history and touches come along."""
        names = form.changed_data if change else list(form.cleaned_data)
        values = {
            self._column(name): self._plain(form.cleaned_data[name])
            for name in names
            if name != "company" and (change or form.cleaned_data[name] not in (None, ""))
        }
        company = None
        if not change or "company" in names:
            company = CompanyRef(id=form.cleaned_data["company"].pk)
        self._check(obj, form)
        external_id = None if change else values.pop("external_id", None)
        item = BillingInput(external_id, obj.pk if change else None, company, values)
        if external_id and self.model.objects.filter(external_id=external_id).exists():
            message = "Another one has this external id."
            raise DomainError([Problem("/external_id", message, "taken")])
        obj.pk = upsert(self.ledger, [item], actor=request.user)[0].id
        obj.refresh_from_db()

    def _check(self, obj: Any, form: ModelForm) -> None:
        """What the form must say of its fields together."""

    def _column(self, name: str) -> str:
        return "subscription_id" if name == "subscription" else name

    def _plain(self, value: Any) -> Any:
        return value.pk if isinstance(value, Subscription) else value

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Through the operation."""
        delete(self.ledger, [obj.pk], actor=request.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """All at once."""
        delete(self.ledger, list(queryset.values_list("pk", flat=True)), actor=request.user)


class PlanFilter(TextFilter):
    """Subscriptions of a plan."""

    title = "plan"
    parameter_name = "plan"

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Subscription]
    ) -> QuerySet[Subscription]:
        """Those of this plan."""
        return queryset.filter(plan__iexact=self.value()) if self.value() else queryset


@admin.register(Subscription)
class SubscriptionAdmin(BillingAdmin):
    """What companies have agreed to pay."""

    ledger = SUBSCRIPTIONS
    icon = "autorenew"
    list_display = (
        "shown_plan", "shown_company", "shown_status", "shown_mrr", "seats", "starts_on",
        "ends_on", "next_billing_on",
    )  # fmt: skip
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("company", AutocompleteSelectFilter),
        PlanFilter,
        ("ends_on", RangeDateFilter),
        ("mrr", RangeNumericFilter),
    )
    search_fields = ("plan__istartswith", "external_id__exact", "company__name__istartswith")
    search_help_text = "Start of the plan or of the company's name, or an external id"
    fieldsets = (
        (None, {"fields": ("company", ("plan", "status"), "external_id")}),
        ("Size", {"fields": (("mrr", "seats"),)}),
        (
            "Term",
            {
                "fields": (
                    ("starts_on", "ends_on"),
                    "notice_days",
                    ("billing_interval", "next_billing_on"),
                )
            },
        ),
    )
    empty_title = "No subscriptions yet"
    empty_text = (
        "Subscriptions come from your billing system over the API"
        " (POST /api/v1/subscriptions/batch/), or you add one by hand."
        " Rules can then ask for plan, end and MRR."
    )

    @display(description="Plan", ordering="plan")
    def shown_plan(self, row: Subscription) -> str:
        """Its plan, else its id elsewhere."""
        return row.plan or row.external_id or f"#{row.pk}"

    @display(description="Status", label=STATUS_COLOURS, ordering="status")
    def shown_status(self, row: Subscription) -> str:
        """As a label."""
        return row.get_status_display()

    @display(description="MRR", ordering="mrr")
    def shown_mrr(self, row: Subscription) -> str:
        """With thousands separators."""
        return figure(row.mrr)


class OverdueFilter(DropdownFilter):
    """Overdue invoices."""

    title = "overdue"
    parameter_name = "overdue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """By how long."""
        return [("0", "Overdue"), ("30", "For more than 30 days"), ("60", "For more than 60 days")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> QuerySet[Invoice]:
        """Those that are."""
        chosen = self.value()
        if chosen not in ("0", "30", "60"):
            return queryset
        day = now().date().toordinal() - int(chosen)
        return overdue(queryset).filter(due_on__lt=now().date().fromordinal(day))


@admin.register(Invoice)
class InvoiceAdmin(BillingAdmin):
    """What companies owe or have paid."""

    ledger = INVOICES
    list_display = (
        "shown_number", "shown_company", "shown_amount", "shown_status", "issued_on", "due_on",
        "paid_on",
    )  # fmt: skip
    list_filter = (
        ("status", ChoicesDropdownFilter),
        OverdueFilter,
        ("company", AutocompleteSelectFilter),
        ("due_on", RangeDateFilter),
        ("amount", RangeNumericFilter),
    )
    autocomplete_fields = ("company", "subscription")
    search_fields = ("number__istartswith", "external_id__exact", "company__name__istartswith")
    search_help_text = "Start of the number or of the company's name, or an external id"
    fieldsets = (
        (None, {"fields": ("company", "subscription", ("number", "external_id"))}),
        ("Amount", {"fields": (("amount", "currency"), "status")}),
        ("Days", {"fields": (("issued_on", "due_on"), "paid_on")}),
    )
    empty_title = "No invoices yet"
    empty_text = (
        "Invoices come from your billing system over the API (POST /api/v1/invoices/batch/), or you"
        " add one by hand. Rules can then ask for what is overdue."
    )

    @display(description="Invoice", ordering="number")
    def shown_number(self, row: Invoice) -> str:
        """Its number, else its id elsewhere."""
        return row.number or row.external_id or f"#{row.pk}"

    @display(description="Amount", ordering="amount")
    def shown_amount(self, row: Invoice) -> str:
        """With its currency."""
        return f"{row.amount:,.2f} {row.currency}"

    @display(description="Status", label=INVOICE_COLOURS, ordering="status")
    def shown_status(self, row: Invoice) -> str:
        """Overdue is derived."""
        late = row.status == InvoiceStatus.OPEN and row.due_on and row.due_on < now().date()
        return "Overdue" if late else row.get_status_display()

    def _check(self, obj: Any, form: ModelForm) -> None:
        """The subscription is the same company's."""
        chosen, company = form.cleaned_data.get("subscription"), form.cleaned_data["company"]
        if chosen and chosen.company_id != company.pk:
            message = "This subscription is another company's."
            raise DomainError([Problem("/subscription", message, "unknown")])

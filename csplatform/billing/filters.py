"""Filters of subscriptions and invoices, shared by the API and the lists of the admin."""

import django_filters
from django.db.models import QuerySet

from csplatform.api.filters import IdFilter, PrefixSearch
from csplatform.billing.models import Invoice, InvoiceStatus, Subscription, SubscriptionStatus
from csplatform.kit.clock import now


def overdue(rows: QuerySet[Invoice]) -> QuerySet[Invoice]:
    """Open invoices whose due date has passed."""
    return rows.filter(status=InvoiceStatus.OPEN, due_on__lt=now().date())


class SubscriptionFilter(django_filters.FilterSet):
    """Subscriptions by company, plan, status and end."""

    search = PrefixSearch("plan", "external_id", label="Beginning of plan or external id")
    company = IdFilter(field_name="company_id", label="Id of a company")
    external_id = django_filters.CharFilter()
    plan = django_filters.CharFilter()
    status = django_filters.ChoiceFilter(choices=SubscriptionStatus.choices)
    ends_from = django_filters.DateFilter(field_name="ends_on", lookup_expr="gte")
    ends_until = django_filters.DateFilter(field_name="ends_on", lookup_expr="lte")

    class Meta:
        model = Subscription
        fields: list[str] = []


class InvoiceFilter(django_filters.FilterSet):
    """Invoices by company, subscription, status, due date, and whether they are overdue."""

    search = PrefixSearch("number", "external_id", label="Beginning of number or external id")
    company = IdFilter(field_name="company_id", label="Id of a company")
    subscription = IdFilter(field_name="subscription_id", label="Id of a subscription")
    external_id = django_filters.CharFilter()
    status = django_filters.ChoiceFilter(choices=InvoiceStatus.choices)
    overdue = django_filters.BooleanFilter(
        method="with_overdue", label="Open and past its due date"
    )
    due_from = django_filters.DateFilter(field_name="due_on", lookup_expr="gte")
    due_until = django_filters.DateFilter(field_name="due_on", lookup_expr="lte")

    class Meta:
        model = Invoice
        fields: list[str] = []

    def with_overdue(
        self, queryset: QuerySet[Invoice], name: str, value: bool
    ) -> QuerySet[Invoice]:
        """Those that are, or all the others."""
        late = overdue(Invoice.objects.all()).values("pk")
        return overdue(queryset) if value else queryset.exclude(pk__in=late)

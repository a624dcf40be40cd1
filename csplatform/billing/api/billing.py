"""Subscriptions and invoices over HTTP: read with filters, written by external id."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from csplatform.api.errors import replanted
from csplatform.api.fields import IdField, ShapeSerializer
from csplatform.api.viewsets import ReadViewSet
from csplatform.billing.filters import InvoiceFilter, SubscriptionFilter
from csplatform.billing.ledger import INVOICES, SUBSCRIPTIONS, Ledger
from csplatform.billing.models import (
    Interval,
    Invoice,
    InvoiceStatus,
    Subscription,
    SubscriptionStatus,
)
from csplatform.billing.operations.upsert import BillingInput, delete, upsert
from csplatform.customers.api.people import MAX_BATCH, UpsertAnswers
from csplatform.customers.operations.companies import CompanyRef
from csplatform.kit.clock import now


class CompanyNamed(ShapeSerializer):
    """A company by one of these; an unknown external id, domain or name makes a new one."""

    id = IdField(required=False)
    external_id = serializers.CharField(required=False, max_length=200)
    domain = serializers.CharField(required=False, max_length=253)
    name = serializers.CharField(required=False, max_length=200)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """One of them at least."""
        if not attrs:
            raise serializers.ValidationError(
                "Name the company by id, external_id, domain or name."
            )
        return attrs


class SubscriptionSerializer(serializers.ModelSerializer):
    """A subscription as answered."""

    mrr = serializers.FloatField(allow_null=True)

    class Meta:
        model = Subscription
        fields = [
            "id", "company", "external_id", "plan", "status", "mrr", "seats", "starts_on",
            "ends_on", "notice_days", "billing_interval", "next_billing_on", "created_at",
        ]  # fmt: skip
        read_only_fields = fields


class SubscriptionGiven(ShapeSerializer):
    """A subscription to create, or to update when it is known by id or external id."""

    id = IdField(required=False)
    external_id = serializers.CharField(required=False, max_length=200)
    company = CompanyNamed(required=False)
    plan = serializers.CharField(required=False, max_length=100, allow_blank=True)
    status = serializers.ChoiceField(SubscriptionStatus.choices, required=False)
    mrr = serializers.FloatField(required=False, allow_null=True)
    seats = serializers.IntegerField(required=False, allow_null=True)
    starts_on = serializers.DateField(required=False, allow_null=True)
    ends_on = serializers.DateField(required=False, allow_null=True)
    notice_days = serializers.IntegerField(required=False, allow_null=True)
    billing_interval = serializers.ChoiceField(Interval.choices, required=False, allow_null=True)
    next_billing_on = serializers.DateField(required=False, allow_null=True)


class InvoiceSerializer(serializers.ModelSerializer):
    """An invoice as answered."""

    amount = serializers.FloatField()
    overdue = serializers.SerializerMethodField()

    class Meta:
        model = Invoice
        fields = [
            "id", "company", "subscription", "external_id", "number", "amount", "currency",
            "issued_on", "due_on", "paid_on", "status", "overdue", "created_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_overdue(self, row: Invoice) -> bool:
        """Open, and due in the past."""
        return row.status == InvoiceStatus.OPEN and bool(row.due_on and row.due_on < now().date())


class InvoiceGiven(ShapeSerializer):
    """An invoice to create, or to update when it is known by id or external id."""

    id = IdField(required=False)
    external_id = serializers.CharField(required=False, max_length=200)
    company = CompanyNamed(required=False)
    subscription = serializers.CharField(
        required=False, max_length=200, help_text="External id of its subscription."
    )
    number = serializers.CharField(required=False, max_length=100, allow_blank=True)
    amount = serializers.FloatField(required=False)
    currency = serializers.CharField(required=False, max_length=3)
    issued_on = serializers.DateField(required=False, allow_null=True)
    due_on = serializers.DateField(required=False, allow_null=True)
    paid_on = serializers.DateField(required=False, allow_null=True)
    status = serializers.ChoiceField(InvoiceStatus.choices, required=False)


class SubscriptionsGiven(ShapeSerializer):
    """Up to 500 subscriptions."""

    subscriptions = serializers.ListField(
        child=SubscriptionGiven(), min_length=1, max_length=MAX_BATCH
    )


class InvoicesGiven(ShapeSerializer):
    """Up to 500 invoices."""

    invoices = serializers.ListField(child=InvoiceGiven(), min_length=1, max_length=MAX_BATCH)


def _input(values: dict[str, Any]) -> BillingInput:
    """What the operation takes."""
    given = dict(values)
    company = given.pop("company", None)
    return BillingInput(
        external_id=given.pop("external_id", None),
        id=given.pop("id", None),
        company=None if company is None else CompanyRef(**company),
        subscription=given.pop("subscription", None),
        values=given,
    )


class BillingViewSet(ReadViewSet):
    """What both have in common."""

    ledger: ClassVar[Ledger]
    given: ClassVar[type[ShapeSerializer]]
    several: ClassVar[type[ShapeSerializer]]
    ordering = "id"

    def get_queryset(self) -> QuerySet[Any]:
        """All of them."""
        return self.ledger.model.objects.all()

    def create(self, request: Request) -> Response:
        """Create one, or update the one with this id or external id."""
        shape = self.given(data=request.data)
        shape.is_valid(raise_exception=True)
        with replanted("/0"):
            result = upsert(self.ledger, [_input(shape.validated_data)], actor=request.user)[0]
        row = self.get_queryset().get(pk=result.id)
        code = status.HTTP_201_CREATED if result.created else status.HTTP_200_OK
        return Response(self.get_serializer(row).data, status=code)

    @action(detail=False, methods=["post"])
    def batch(self, request: Request) -> Response:
        """Create or update up to 500: all or nothing."""
        shape = self.several(data=request.data)
        shape.is_valid(raise_exception=True)
        name = self.ledger.fact
        items = [_input(item) for item in shape.validated_data[name]]
        with replanted("", f"/{name}"):
            results = upsert(self.ledger, items, actor=request.user)
        return Response(UpsertAnswers({"results": results}).data)

    def destroy(self, request: Request, pk: str) -> Response:
        """Delete one that should never have been; history keeps it."""
        delete(self.ledger, [self.get_object().pk], actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _permissions(name: str) -> dict[str, str]:
    return {
        "list": f"billing.view_{name}",
        "retrieve": f"billing.view_{name}",
        "create": f"billing.change_{name}",
        "batch": f"billing.change_{name}",
        "destroy": f"billing.delete_{name}",
    }


SUBSCRIPTION = {
    "external_id": "sub-1001",
    "company": {"external_id": "acme"},
    "plan": "Business",
    "status": "active",
    "mrr": 2000,
    "seats": 40,
    "starts_on": "2026-03-01",
    "ends_on": "2027-02-28",
    "notice_days": 60,
    "billing_interval": "month",
}
INVOICE = {
    "external_id": "inv-2001",
    "company": {"external_id": "acme"},
    "number": "2026-0042",
    "amount": 2000,
    "currency": "EUR",
    "issued_on": "2026-10-01",
    "due_on": "2026-10-31",
    "status": "open",
}


@extend_schema_view(
    create=extend_schema(
        request=SubscriptionGiven,
        responses={200: SubscriptionSerializer, 201: SubscriptionSerializer},
        examples=[OpenApiExample("A subscription", SUBSCRIPTION, request_only=True)],
    ),
    batch=extend_schema(
        request=SubscriptionsGiven,
        responses={200: UpsertAnswers},
        examples=[
            OpenApiExample("One", {"subscriptions": [SUBSCRIPTION]}, request_only=True),
        ],
    ),
    destroy=extend_schema(responses={204: None}),
)
class SubscriptionViewSet(BillingViewSet):
    """Subscriptions of companies."""

    ledger = SUBSCRIPTIONS
    given, several = SubscriptionGiven, SubscriptionsGiven
    queryset = Subscription.objects.all()
    serializer_class = SubscriptionSerializer
    filterset_class = SubscriptionFilter
    permissions = _permissions("subscription")


@extend_schema_view(
    create=extend_schema(
        request=InvoiceGiven,
        responses={200: InvoiceSerializer, 201: InvoiceSerializer},
        examples=[OpenApiExample("An invoice", INVOICE, request_only=True)],
    ),
    batch=extend_schema(
        request=InvoicesGiven,
        responses={200: UpsertAnswers},
        examples=[OpenApiExample("One", {"invoices": [INVOICE]}, request_only=True)],
    ),
    destroy=extend_schema(responses={204: None}),
)
class InvoiceViewSet(BillingViewSet):
    """Invoices of companies."""

    ledger = INVOICES
    given, several = InvoiceGiven, InvoicesGiven
    queryset = Invoice.objects.all()
    serializer_class = InvoiceSerializer
    filterset_class = InvoiceFilter
    permissions = _permissions("invoice")

"""Companies over HTTP."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from csplatform.accounts.models import User
from csplatform.api.errors import replanted
from csplatform.api.fields import IdField, ObjectField, ShapeSerializer
from csplatform.api.viewsets import ReadViewSet
from csplatform.customers.api.people import MAX_BATCH, UpsertAnswers
from csplatform.customers.filters import CompanyFilter
from csplatform.customers.models import Company
from csplatform.customers.models.company import CompanyStatus, Stage
from csplatform.customers.operations.attributes import patch_attributes
from csplatform.customers.operations.companies import (
    CompanyInput,
    assign_csm,
    set_parent,
    upsert_companies,
)
from csplatform.kit.errors import DomainError
from csplatform.kit.permissions import require

OWN_FIELDS = ("id", "name", "external_id", "domains")


class CompanySerializer(serializers.ModelSerializer):
    """A company as answered."""

    attributes = ObjectField()
    domains = serializers.ListField(child=serializers.CharField())
    tags = serializers.ListField(child=serializers.CharField())
    arr = serializers.FloatField(allow_null=True)
    mrr = serializers.FloatField(allow_null=True)
    first_seen_at = serializers.DateTimeField(
        source="activity.first_seen_at", default=None, allow_null=True
    )
    last_seen_at = serializers.DateTimeField(
        source="activity.last_seen_at", default=None, allow_null=True
    )
    event_count = serializers.SerializerMethodField()

    class Meta:
        model = Company
        fields = [
            "id", "name", "external_id", "domains", "stage", "status", "arr", "mrr",
            "renewal_date", "parent", "csm", "time_zone", "tags", "attributes", "first_seen_at",
            "last_seen_at", "event_count", "merged_into", "created_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_event_count(self, row: Company) -> int:
        """Events so far; none has no row of counters."""
        return row.activity.event_count if hasattr(row, "activity") else 0


class CompanyGiven(ShapeSerializer):
    """A company to create, or to update when it is known by external id, domain or name."""

    name = serializers.CharField(required=False, max_length=200)
    external_id = serializers.CharField(required=False, max_length=200)
    domains = serializers.ListField(
        child=serializers.CharField(max_length=253), required=False, max_length=100
    )
    stage = serializers.ChoiceField(Stage.choices, required=False)
    status = serializers.ChoiceField(CompanyStatus.choices, required=False)
    arr = serializers.FloatField(required=False, allow_null=True)
    mrr = serializers.FloatField(required=False, allow_null=True)
    renewal_date = serializers.DateField(required=False, allow_null=True)
    time_zone = serializers.CharField(required=False)
    tags = serializers.ListField(
        child=serializers.CharField(max_length=60), required=False, max_length=100
    )
    attributes = ObjectField(required=False)


class CompanyChange(CompanyGiven):
    """What may change of a company. Null unsets; what is not given stays."""

    csm = IdField(required=False, allow_null=True)
    parent = IdField(required=False, allow_null=True)  # type: ignore[assignment]


class CompaniesGiven(ShapeSerializer):
    """Up to 500 companies."""

    companies = serializers.ListField(child=CompanyGiven(), min_length=1, max_length=MAX_BATCH)


def _input(values: dict[str, Any]) -> CompanyInput:
    """What the operation takes."""
    own = {name: values[name] for name in OWN_FIELDS if name in values}
    others = {k: v for k, v in values.items() if k not in OWN_FIELDS and k != "attributes"}
    return CompanyInput(**own, attributes={**values.get("attributes", {}), **others})


ACME = {
    "name": "Acme",
    "external_id": "acme",
    "domains": ["acme.example"],
    "stage": "live",
    "arr": 24000,
    "renewal_date": "2027-03-01",
    "attributes": {"seats": 40},
}


class CompanyViewSet(ReadViewSet):
    """Customer accounts."""

    queryset = Company.objects.all()
    serializer_class = CompanySerializer
    filterset_class = CompanyFilter
    ordering = "id"
    ordering_fields = ("id", "name")
    permissions = {
        "list": "customers.view_company",
        "retrieve": "customers.view_company",
        "create": "customers.add_company",
        "batch": "customers.add_company",
        "partial_update": "customers.change_company",
    }

    def get_queryset(self) -> QuerySet[Company]:
        """Lists show companies that were not merged away."""
        rows = Company.objects.select_related("activity")
        return rows.filter(merged_into=None) if self.action == "list" else rows

    def _answer(self, company_id: int, code: int = status.HTTP_200_OK) -> Response:
        row = self.get_queryset().get(pk=company_id)
        return Response(CompanySerializer(row).data, status=code)

    @extend_schema(
        request=CompanyGiven,
        responses={200: CompanySerializer, 201: CompanySerializer},
        examples=[OpenApiExample("A company", ACME, request_only=True)],
    )
    def create(self, request: Request) -> Response:
        """Create a company, or update the one with this external id, domain or name."""
        require(request.user, "customers.change_company")
        shape = CompanyGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        with replanted("/0"):
            result = upsert_companies([_input(shape.validated_data)], actor=request.user)[0]
        code = status.HTTP_201_CREATED if result.created else status.HTTP_200_OK
        return self._answer(result.id, code)

    @extend_schema(
        request=CompaniesGiven,
        responses={200: UpsertAnswers},
        examples=[OpenApiExample("One company", {"companies": [ACME]}, request_only=True)],
    )
    @action(detail=False, methods=["post"])
    def batch(self, request: Request) -> Response:
        """Create or update up to 500 companies: all or nothing."""
        require(request.user, "customers.change_company")
        shape = CompaniesGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        items = [_input(item) for item in shape.validated_data["companies"]]
        with replanted("", "/companies"):
            results = upsert_companies(items, actor=request.user)
        return Response(UpsertAnswers({"results": results}).data)

    @extend_schema(
        request=CompanyChange,
        responses=CompanySerializer,
        examples=[OpenApiExample("A new stage", {"stage": "renewal"}, request_only=True)],
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change a company: all or nothing."""
        company = self.get_object()
        shape = CompanyChange(data=request.data)
        shape.is_valid(raise_exception=True)
        given = dict(shape.validated_data)
        own = {name: given.pop(name) for name in ("csm", "parent") if name in given}
        values = {**given.pop("attributes", {}), **given}
        with transaction.atomic(), replanted(f"/{company.pk}"):
            if values:
                patch_attributes("company", {company.pk: values}, actor=request.user)
            if "csm" in own:
                assign_csm([company.pk], _found(User, own["csm"], "/csm"), actor=request.user)
            if "parent" in own:
                parent = _found(Company, own["parent"], "/parent")
                set_parent(company, parent, actor=request.user)
        return self._answer(company.pk)


def _found(model: Any, row_id: int | None, path: str) -> Any:
    """The row that an id names, None for null. Raises DomainError."""
    if row_id is None:
        return None
    row = model.objects.filter(pk=row_id).first()
    if row is None:
        name = model._meta.verbose_name
        raise DomainError(f"There is no {name} {row_id}.", path=path, code="unknown")
    return row

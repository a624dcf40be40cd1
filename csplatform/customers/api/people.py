"""People over HTTP."""

from typing import Any

from django.db import transaction
from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from csplatform.api.errors import replanted
from csplatform.api.fields import IdField, ObjectField, ShapeSerializer
from csplatform.api.viewsets import ReadViewSet
from csplatform.customers.filters import PersonFilter
from csplatform.customers.models import ExternalId, Membership, Person
from csplatform.customers.operations.attributes import patch_attributes
from csplatform.customers.operations.companies import CompanyRef
from csplatform.customers.operations.erase import erase_person
from csplatform.customers.operations.memberships import set_memberships
from csplatform.customers.operations.merge import merge_people
from csplatform.customers.operations.people import PersonInput, upsert_people
from csplatform.kit.permissions import require

MAX_BATCH = 500
COLUMNS = ("email", "name", "role", "persona", "language", "time_zone")


class ExternalIdSerializer(serializers.ModelSerializer):
    """An id elsewhere."""

    class Meta:
        model = ExternalId
        fields = ["kind", "value"]


class PlaceSerializer(serializers.ModelSerializer):
    """A company of a person."""

    id = serializers.IntegerField(source="company_id")
    name = serializers.CharField(source="company.name")

    class Meta:
        model = Membership
        fields = ["id", "name", "is_primary"]


class PersonSerializer(serializers.ModelSerializer):
    """A person as answered."""

    external_ids = ExternalIdSerializer(many=True)
    companies = PlaceSerializer(source="memberships", many=True)
    attributes = ObjectField()
    first_seen_at = serializers.DateTimeField(
        source="activity.first_seen_at", default=None, allow_null=True
    )
    last_seen_at = serializers.DateTimeField(
        source="activity.last_seen_at", default=None, allow_null=True
    )
    event_count = serializers.SerializerMethodField()

    class Meta:
        model = Person
        fields = [
            "id", *COLUMNS, "attributes", "external_ids", "companies", "first_seen_at",
            "last_seen_at", "event_count", "merged_into", "created_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_event_count(self, row: Person) -> int:
        """Events so far; none has no row of counters."""
        return row.activity.event_count if hasattr(row, "activity") else 0


class CompanyRefSerializer(ShapeSerializer):
    """How a company is named: the first that is given counts."""

    id = IdField(required=False)
    external_id = serializers.CharField(required=False, max_length=200)
    domain = serializers.CharField(required=False, max_length=253)
    name = serializers.CharField(required=False, max_length=200)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Something must be given."""
        if not attrs:
            raise serializers.ValidationError("Give an id, external_id, domain or name.")
        return attrs


class PersonChange(ShapeSerializer):
    """What may be changed of a person. Null unsets; what is not given stays."""

    email = serializers.CharField(required=False, allow_null=True, max_length=254)
    name = serializers.CharField(required=False, allow_blank=True, allow_null=True)
    role = serializers.CharField(required=False, allow_blank=True, allow_null=True)
    persona = serializers.CharField(required=False, allow_blank=True, allow_null=True)
    language = serializers.CharField(required=False, allow_blank=True, allow_null=True)
    time_zone = serializers.CharField(required=False, allow_blank=True, allow_null=True)
    attributes = ObjectField(required=False)
    companies = serializers.ListField(
        child=IdField(), required=False, max_length=100, help_text="Ids; all others are left."
    )
    primary_company = IdField(required=False)


class PersonGiven(ShapeSerializer):
    """A person to create, or to update when the external id or the address is known."""

    email = serializers.CharField(required=False, max_length=254)
    external_id = serializers.CharField(required=False, max_length=200)
    external_kind = serializers.RegexField("^[a-z][a-z0-9_]{0,39}$", default="user_id")
    name = serializers.CharField(required=False, allow_blank=True)
    role = serializers.CharField(required=False, allow_blank=True)
    persona = serializers.CharField(required=False, allow_blank=True)
    language = serializers.CharField(required=False, allow_blank=True)
    time_zone = serializers.CharField(required=False, allow_blank=True)
    attributes = ObjectField(required=False)
    companies = CompanyRefSerializer(many=True, required=False)

    def to_input(self, values: dict[str, Any]) -> PersonInput:
        """What the operation takes."""
        refs = [CompanyRef(**ref) for ref in values.get("companies", ())]
        return PersonInput(**{**values, "companies": refs})


class PeopleGiven(ShapeSerializer):
    """Up to 500 people."""

    people = serializers.ListField(child=PersonGiven(), min_length=1, max_length=MAX_BATCH)


class UpsertAnswer(serializers.Serializer):
    """What became of one item."""

    id = serializers.IntegerField()
    created = serializers.BooleanField()
    changed_names = serializers.ListField(child=serializers.CharField())
    conflicts = serializers.ListField(
        child=serializers.CharField(), help_text="Values left alone: somebody else holds them."
    )


class UpsertAnswers(serializers.Serializer):
    """One per item, in order."""

    results = UpsertAnswer(many=True)


class MergeGiven(ShapeSerializer):
    """Who is merged into this person."""

    loser = IdField()


class ErasedAnswer(serializers.ModelSerializer):
    """What is left to say of an erased person."""

    class Meta:
        model = Person
        fields = ["id", "erased_at"]


ANNA = {
    "email": "anna@acme.example",
    "external_id": "u-17",
    "name": "Anna Berg",
    "role": "Head of operations",
    "attributes": {"plan": "pro"},
    "companies": [{"external_id": "acme"}],
}


class PersonViewSet(ReadViewSet):
    """The customers' people."""

    queryset = Person.objects.all()
    serializer_class = PersonSerializer
    filterset_class = PersonFilter
    ordering = "id"
    ordering_fields = ("id", "name")
    permissions = {
        "list": "customers.view_person",
        "retrieve": "customers.view_person",
        "create": "customers.add_person",
        "batch": "customers.add_person",
        "partial_update": "customers.change_person",
        "merge": "customers.change_person",
        "erase": "customers.erase_person",
    }

    def get_queryset(self) -> QuerySet[Person]:
        """Lists show the living; a single tombstone can be read and names its winner."""
        places = Membership.objects.select_related("company")
        rows = Person.objects.select_related("activity").prefetch_related(
            "external_ids", Prefetch("memberships", queryset=places)
        )
        return rows.filter(merged_into=None, erased_at=None) if self.action == "list" else rows

    def _answer(self, person_id: int, code: int = status.HTTP_200_OK) -> Response:
        return Response(PersonSerializer(self.get_queryset().get(pk=person_id)).data, status=code)

    @extend_schema(
        request=PersonGiven,
        responses={200: PersonSerializer, 201: PersonSerializer},
        examples=[OpenApiExample("A person with a company", ANNA, request_only=True)],
    )
    def create(self, request: Request) -> Response:
        """Create a person, or update the one with this external id or address."""
        require(request.user, "customers.change_person")
        shape = PersonGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        with replanted("/0"):
            result = upsert_people([shape.to_input(shape.validated_data)], actor=request.user)[0]
        code = status.HTTP_201_CREATED if result.created else status.HTTP_200_OK
        return self._answer(result.id, code)

    @extend_schema(
        request=PeopleGiven,
        responses={200: UpsertAnswers},
        examples=[OpenApiExample("One person", {"people": [ANNA]}, request_only=True)],
    )
    @action(detail=False, methods=["post"])
    def batch(self, request: Request) -> Response:
        """Create or update up to 500 people: all or nothing."""
        require(request.user, "customers.change_person")
        shape = PeopleGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        items = [PersonGiven().to_input(item) for item in shape.validated_data["people"]]
        with replanted("", "/people"):
            results = upsert_people(items, actor=request.user)
        return Response(UpsertAnswers({"results": results}).data)

    @extend_schema(
        request=PersonChange,
        responses=PersonSerializer,
        examples=[OpenApiExample("One attribute", {"attributes": {"plan": "pro"}})],
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change values and companies of a person: all or nothing."""
        person = self.get_object()
        shape = PersonChange(data=request.data)
        shape.is_valid(raise_exception=True)
        given = dict(shape.validated_data)
        companies, primary = given.pop("companies", None), given.pop("primary_company", None)
        values = {**given.pop("attributes", {}), **given}
        with transaction.atomic(), replanted(f"/{person.pk}"):
            if values:
                patch_attributes("person", {person.pk: values}, actor=request.user)
            if companies is not None or primary is not None:
                if companies is None:
                    companies = [row.company_id for row in person.memberships.all()]
                set_memberships(person.pk, companies, primary_id=primary, actor=request.user)
        return self._answer(person.pk)

    @extend_schema(request=MergeGiven, responses=PersonSerializer)
    @action(detail=True, methods=["post"])
    def merge(self, request: Request, pk: str) -> Response:
        """Merge another person into this one."""
        winner = self.get_object()
        shape = MergeGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        merge_people(winner.pk, shape.validated_data["loser"], actor=request.user)
        return self._answer(winner.pk)

    @extend_schema(request=None, responses=ErasedAnswer)
    @action(detail=True, methods=["post"])
    def erase(self, request: Request, pk: str) -> Response:
        """Erase a person for good: personal data goes, programs end. Twice is once."""
        person = self.get_object()
        erase_person(person.pk, actor=request.user)
        person.refresh_from_db()
        return Response(ErasedAnswer(person).data)

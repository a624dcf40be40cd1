"""Mail categories, what people unsubscribed from, and suppressed addresses over HTTP."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from csplatform.api.fields import CountAnswer, IdList, ShapeSerializer
from csplatform.api.viewsets import ReadViewSet
from csplatform.ascode.api import ExportMixin
from journeys.consent.operations import (
    EVERYTHING,
    delete_category,
    lift_suppressions,
    save_category,
    set_preferences,
    suppress_address,
)
from journeys.filters import OptOutFilter, TroubleFilter
from journeys.models import MailCategory, MailOptOut, MailTrouble
from journeys.models.consent import ConsentSource


class CategorySerializer(serializers.ModelSerializer):
    """A category of mails."""

    class Meta:
        model = MailCategory
        fields = ["id", "name", "description", "is_operational"]
        read_only_fields = fields


class CategoryChange(ShapeSerializer):
    """What may change of a category; what is not given stays."""

    name = serializers.CharField(required=False, max_length=100)
    description = serializers.CharField(required=False, allow_blank=True, max_length=300)
    is_operational = serializers.BooleanField(required=False)


class CategoryGiven(CategoryChange):
    """A category to make."""

    name = serializers.CharField(max_length=100)


class CategoryViewSet(ExportMixin, ReadViewSet):
    """What mails are about; people choose by category what they get."""

    queryset = MailCategory.objects.all()
    serializer_class = CategorySerializer
    ordering = "name"
    ordering_fields = ("id", "name")
    permissions = {
        "list": "journeys.view_mailcategory",
        "retrieve": "journeys.view_mailcategory",
        "create": "journeys.add_mailcategory",
        "partial_update": "journeys.change_mailcategory",
        "destroy": "journeys.delete_mailcategory",
        "export": "journeys.view_mailcategory",
    }

    @extend_schema(
        request=CategoryGiven,
        responses={201: CategorySerializer},
        examples=[
            OpenApiExample(
                "A category", {"name": "Product tips", "description": "Two a month."},
                request_only=True,
            )
        ],
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        """Make a category."""
        shape = CategoryGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        row = save_category(**shape.validated_data, actor=request.user)
        return Response(CategorySerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=CategoryChange, responses=CategorySerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change a category."""
        row = self.get_object()
        shape = CategoryChange(data=request.data)
        shape.is_valid(raise_exception=True)
        kept = {name: getattr(row, name) for name in ("name", "description", "is_operational")}
        row = save_category(
            **{**kept, **shape.validated_data}, actor=request.user, category_id=row.pk
        )
        return Response(CategorySerializer(row).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a category that no mail template has."""
        delete_category(self.get_object().pk, actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class OptOutSerializer(serializers.ModelSerializer):
    """What somebody does not want; category null is all mail."""

    class Meta:
        model = MailOptOut
        fields = ["id", "person", "category", "source", "at"]
        read_only_fields = fields


class PreferencesGiven(ShapeSerializer):
    """All that a person does not want; what is not named they get (again)."""

    person = serializers.IntegerField(min_value=1)
    categories = serializers.ListField(
        child=serializers.IntegerField(min_value=1), max_length=1000, required=False
    )
    everything = serializers.BooleanField(required=False, default=False)


class OptOutViewSet(ReadViewSet):
    """Who unsubscribed from what."""

    queryset = MailOptOut.objects.all()
    serializer_class = OptOutSerializer
    filterset_class = OptOutFilter
    ordering = "-id"
    ordering_fields = ("id",)
    permissions = {
        "list": "journeys.view_mailoptout",
        "retrieve": "journeys.view_mailoptout",
        "set": "journeys.change_mailoptout",
    }

    @extend_schema(
        request=PreferencesGiven,
        responses=OptOutSerializer(many=True),
        examples=[
            OpenApiExample(
                "Everything but tips", {"person": 12, "categories": [3]}, request_only=True
            )
        ],
    )
    @action(detail=False, methods=["post"], pagination_class=None, filter_backends=[])
    def set(self, request: Request) -> Response:
        """State a person's wishes, e.g. from another system that they told."""
        shape = PreferencesGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        given: dict[str, Any] = shape.validated_data
        out_of: set[int | None] = set(given.get("categories", ()))
        out_of |= {EVERYTHING} if given["everything"] else set()
        set_preferences(given["person"], out_of, actor=request.user, source=ConsentSource.API)
        rows = MailOptOut.objects.filter(person=given["person"]).order_by("pk")
        return Response(OptOutSerializer(rows, many=True).data)


class TroubleSerializer(serializers.ModelSerializer):
    """An address that mails did not reach; suppressed while `blocked_at` is set."""

    class Meta:
        model = MailTrouble
        fields = ["id", "address", "reason", "detail", "soft_bounces", "blocked_at", "last_at"]
        read_only_fields = fields


class SuppressionGiven(ShapeSerializer):
    """An address to suppress."""

    address = serializers.CharField(max_length=254)
    detail = serializers.CharField(required=False, allow_blank=True, max_length=500)


class SuppressionViewSet(ReadViewSet):
    """Addresses that are not written to, and those on the way there."""

    queryset = MailTrouble.objects.all()
    serializer_class = TroubleSerializer
    filterset_class = TroubleFilter
    ordering = "-id"
    ordering_fields = ("id",)
    permissions = {
        "list": "journeys.view_mailtrouble",
        "retrieve": "journeys.view_mailtrouble",
        "create": "journeys.add_mailtrouble",
        "lift": "journeys.delete_mailtrouble",
    }

    @extend_schema(
        request=SuppressionGiven,
        responses={201: TroubleSerializer},
        examples=[
            OpenApiExample(
                "By hand", {"address": "old@example.com", "detail": "Asked by phone"},
                request_only=True,
            )
        ],
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        """Never write to an address again."""
        shape = SuppressionGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        row = suppress_address(**shape.validated_data, actor=request.user)
        return Response(TroubleSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        request=IdList,
        responses=CountAnswer,
        examples=[OpenApiExample("Two addresses", {"ids": [4, 17]}, request_only=True)],
    )
    @action(detail=False, methods=["post"])
    def lift(self, request: Request) -> Response:
        """Write to these addresses again; how many there were."""
        shape = IdList(data=request.data)
        shape.is_valid(raise_exception=True)
        count = lift_suppressions(shape.validated_data["ids"], actor=request.user)
        return Response(CountAnswer({"count": count}).data)

"""Events, their names and sources over HTTP."""

from collections.abc import Sequence
from typing import Any

from django.db.models.functions import Lower
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from csplatform.api.errors import replanted
from csplatform.api.fields import IdField, ObjectField, ShapeSerializer
from csplatform.api.viewsets import ReadViewSet
from csplatform.customers.filters import EventFilter, EventNameFilter
from csplatform.customers.models import Event, EventName, ExternalId, Person, Source
from csplatform.customers.operations.events import EventInput, record_events
from csplatform.kit import rates
from csplatform.kit.errors import DomainError, Problem

MAX_BATCH = 1000


class EventListSerializer(serializers.ListSerializer):
    """Names of a whole page in one query."""

    def to_representation(self, data: Any) -> Any:
        """Rows with their names."""
        rows = list(data)
        names = EventName.objects.in_bulk({row.name_id for row in rows})
        context: Any = self.context  # shared with the child
        context["names"] = names
        return super().to_representation(rows)


class EventSerializer(serializers.ModelSerializer):
    """An event as answered."""

    name = serializers.SerializerMethodField()
    properties = ObjectField()

    class Meta:
        model = Event
        list_serializer_class = EventListSerializer
        fields = [
            "id", "name", "person_id", "company_id", "visitor_id", "source_id", "ref",
            "occurred_at", "recorded_at", "properties",
        ]  # fmt: skip
        read_only_fields = fields

    def get_name(self, row: Event) -> str:
        """The name as it was sent."""
        names = self.context.get("names") or EventName.objects.in_bulk([row.name_id])
        return names[row.name_id].name if row.name_id in names else ""


class EventGiven(ShapeSerializer):
    """One event: about a person (by id, external id or address), a company, or both."""

    name = serializers.CharField(max_length=200)
    person_id = IdField(required=False)
    external_id = serializers.CharField(required=False, max_length=200)
    email = serializers.CharField(required=False, max_length=254)
    company_id = IdField(required=False)
    occurred_at = serializers.DateTimeField(required=False)
    properties = ObjectField(required=False)
    message_id = serializers.CharField(
        required=False, max_length=100, help_text="Your own id: taken once per source."
    )


class EventsGiven(ShapeSerializer):
    """Up to 1,000 events."""

    source = IdField(  # type: ignore[assignment]
        required=False, help_text="Needed with message_id."
    )
    events = serializers.ListField(child=EventGiven(), min_length=1, max_length=MAX_BATCH)


class EventAnswer(serializers.Serializer):
    """What became of one event."""

    status = serializers.ChoiceField(["new", "duplicate"])
    id = serializers.IntegerField(source="event_id", allow_null=True)


class EventAnswers(serializers.Serializer):
    """One per event, in order."""

    results = EventAnswer(many=True)


EXAMPLE = {
    "source": 1,
    "events": [
        {
            "name": "report.exported",
            "email": "anna@acme.example",
            "properties": {"pages": 12},
            "message_id": "7c0a",
        }
    ],
}


class EventViewSet(ReadViewSet):
    """What people did."""

    queryset = Event.objects.all()
    serializer_class = EventSerializer
    filterset_class = EventFilter
    permissions = {
        "list": "customers.view_event",
        "retrieve": "customers.view_event",
        "create": "customers.add_event",
    }

    @extend_schema(
        request=EventsGiven,
        responses={201: EventAnswers},
        examples=[OpenApiExample("One event", EXAMPLE, request_only=True)],
    )
    def create(self, request: Request) -> Response:
        """Record up to 1,000 events: all or nothing."""
        shape = EventsGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        given, source = shape.validated_data["events"], shape.validated_data.get("source")
        _check_source(source, given)
        try:
            with replanted("", "/events"):
                results = record_events(_inputs(given), source_id=source)
        except DomainError:
            rates.ingested("api", rejected=len(given))
            raise
        new = sum(result.status == "new" for result in results)
        rates.ingested("api", accepted=new, duplicate=len(results) - new)
        return Response(EventAnswers({"results": results}).data, status=status.HTTP_201_CREATED)


def _check_source(source: int | None, given: Sequence[dict[str, Any]]) -> None:
    """A source must exist and be in use; message ids count per source."""
    if source is not None and not Source.objects.filter(pk=source, is_active=True).exists():
        raise DomainError(f"There is no active source {source}.", path="/source", code="unknown")
    if source is None and any("message_id" in item for item in given):
        raise DomainError("Name the source of the message ids.", path="/source", code="missing")


def _inputs(given: Sequence[dict[str, Any]]) -> list[EventInput]:
    """Events with their people found: two queries for any number."""
    emails = {item["email"].lower() for item in given if "email" in item}
    externals = {item["external_id"] for item in given if "external_id" in item}
    by_email = _by_email(emails) if emails else {}
    rows = ExternalId.objects.filter(kind="user_id", value__in=externals) if externals else ()
    by_external = {row.value: row.person_id for row in rows}
    inputs, problems = [], []
    for index, item in enumerate(given):
        values = dict(item)
        external, email = values.pop("external_id", None), values.pop("email", None)
        for name, key, known in (
            ("external_id", external, by_external),
            ("email", email.lower() if email else None, by_email),
        ):
            if key is not None and "person_id" not in values:
                if key in known:
                    values["person_id"] = known[key]
                elif name == "email" or email is None:
                    text = "Nobody is known by this; create the person first."
                    problems.append(Problem(f"/{index}/{name}", text, "unknown"))
        if not {"person_id", "company_id"} & values.keys() and not (external or email):
            text = "Say whose event it is: person_id, external_id, email or company_id."
            problems.append(Problem(f"/{index}", text, "missing"))
        inputs.append(EventInput(**values))
    if problems:
        raise DomainError(problems)
    return inputs


def _by_email(emails: set[str]) -> dict[str, int]:
    rows = Person.objects.filter(merged_into=None, erased_at=None).annotate(lower=Lower("email"))
    return dict(rows.filter(lower__in=emails).values_list("lower", "pk"))


class EventNameSerializer(serializers.ModelSerializer):
    """An event name."""

    class Meta:
        model = EventName
        fields = ["id", "name", "label"]
        read_only_fields = fields


class EventNameViewSet(ReadViewSet):
    """Names of the events that came in so far."""

    queryset = EventName.objects.all()
    serializer_class = EventNameSerializer
    filterset_class = EventNameFilter
    ordering = "name"
    ordering_fields = ("id", "name")
    permissions = {"list": "customers.view_eventname", "retrieve": "customers.view_eventname"}


class SourceSerializer(serializers.ModelSerializer):
    """A source; its write key is public, it stands in the pages of the site."""

    allowed_origins = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = Source
        fields = ["id", "name", "write_key", "allowed_origins", "is_active", "created_at"]
        read_only_fields = fields


class SourceViewSet(ReadViewSet):
    """Sites and systems that send events."""

    queryset = Source.objects.all()
    serializer_class = SourceSerializer
    ordering = "id"
    permissions = {"list": "customers.view_source", "retrieve": "customers.view_source"}

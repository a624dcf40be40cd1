"""Filters of companies, people and events, shared by the API and the lists of the admin."""

import django_filters
from django.db.models import QuerySet
from django.db.models.functions import Lower

from csplatform.api.filters import IdFilter, PrefixSearch
from csplatform.customers.models import AttributeDefinition, Company, Event, EventName, Person
from csplatform.customers.models.attribute import Subject
from csplatform.customers.models.company import CompanyStatus, Stage


class CompanyFilter(django_filters.FilterSet):
    """Companies by stage, status, CSM, tag, domain, renewal and activity."""

    search = PrefixSearch("name", label="Beginning of the name")
    external_id = django_filters.CharFilter()
    stage = django_filters.ChoiceFilter(choices=Stage.choices)
    status = django_filters.ChoiceFilter(choices=CompanyStatus.choices)
    csm = IdFilter(label="User id of the CSM")
    parent = IdFilter(label="Id of the company above")
    tag = django_filters.CharFilter(method="with_tag", label="One of its tags")
    domain = django_filters.CharFilter(method="with_domain", label="One of its domains")
    renewal_from = django_filters.DateFilter(field_name="renewal_date", lookup_expr="gte")
    renewal_until = django_filters.DateFilter(field_name="renewal_date", lookup_expr="lte")
    seen_since = django_filters.IsoDateTimeFilter(
        field_name="activity__last_seen_at", lookup_expr="gte", label="Active since"
    )

    class Meta:
        model = Company
        fields: list[str] = []

    def with_tag(self, queryset: QuerySet[Company], name: str, value: str) -> QuerySet[Company]:
        """Those that carry the tag."""
        return queryset.filter(tags__contains=[value])

    def with_domain(self, queryset: QuerySet[Company], name: str, value: str) -> QuerySet[Company]:
        """Those that own the domain."""
        return queryset.filter(domains__contains=[value.lower()])


class PersonFilter(django_filters.FilterSet):
    """People by address, company, external id, role, persona and activity."""

    search = PrefixSearch("name", "email", label="Beginning of name or address")
    email = django_filters.CharFilter(method="with_email", label="Address, in any letter case")
    external_id = django_filters.CharFilter(
        field_name="external_ids__value", distinct=True, label="An id in your own systems"
    )
    company = IdFilter(field_name="memberships__company_id", label="Id of a company")
    role = django_filters.CharFilter()
    persona = django_filters.CharFilter()
    language = django_filters.CharFilter()
    seen_since = django_filters.IsoDateTimeFilter(
        field_name="activity__last_seen_at", lookup_expr="gte", label="Active since"
    )

    class Meta:
        model = Person
        fields: list[str] = []

    def with_email(self, queryset: QuerySet[Person], name: str, value: str) -> QuerySet[Person]:
        """Whoever has this address."""
        return queryset.alias(lower_address=Lower("email")).filter(lower_address=value.lower())


class AttributeFilter(django_filters.FilterSet):
    """Declared attributes."""

    subject = django_filters.ChoiceFilter(choices=Subject.choices)
    name = django_filters.CharFilter()

    class Meta:
        model = AttributeDefinition
        fields: list[str] = []


class EventFilter(django_filters.FilterSet):
    """Events by subject, name, source and time."""

    person = IdFilter(field_name="person_id", label="Id of a person")
    company = IdFilter(field_name="company_id", label="Id of a company")
    source = IdFilter(field_name="source_id", label="Id of a source")
    name = django_filters.CharFilter(method="with_name", label="Name of the event")
    since = django_filters.IsoDateTimeFilter(field_name="occurred_at", lookup_expr="gte")
    until = django_filters.IsoDateTimeFilter(field_name="occurred_at", lookup_expr="lt")

    class Meta:
        model = Event
        fields: list[str] = []

    def with_name(self, queryset: QuerySet[Event], name: str, value: str) -> QuerySet[Event]:
        """Those of one name."""
        return queryset.filter(name_id__in=EventName.objects.filter(name=value).values("pk"))


class EventNameFilter(django_filters.FilterSet):
    """Event names by their beginning."""

    search = PrefixSearch("name", label="Beginning of the name")

    class Meta:
        model = EventName
        fields: list[str] = []

"""Filters of segments, shared by the API and the lists of the admin."""

import django_filters

from csplatform.api.filters import IdFilter, PrefixSearch
from csplatform.segments.models import Kind, Member, Segment, State, Subject


class SegmentFilter(django_filters.FilterSet):
    """Segments by whom they hold, how, and how far they are."""

    search = PrefixSearch("name", label="Beginning of the name")
    subject = django_filters.ChoiceFilter(choices=Subject.choices)
    kind = django_filters.ChoiceFilter(choices=Kind.choices)
    state = django_filters.ChoiceFilter(choices=State.choices)

    class Meta:
        model = Segment
        fields: list[str] = []


class MemberFilter(django_filters.FilterSet):
    """Members by id and by how long they are in."""

    subject_id = IdFilter(label="Is this person or company in it?")
    since = django_filters.IsoDateTimeFilter(field_name="since", lookup_expr="gte")

    class Meta:
        model = Member
        fields: list[str] = []

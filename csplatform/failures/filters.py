"""Filters of failures over REST."""

import django_filters

from csplatform.api.filters import PrefixSearch
from csplatform.failures.models import Failure, Kind, State


class FailureFilter(django_filters.FilterSet):
    """By where they stand, the work, the lane and the beginning of the error's name."""

    state = django_filters.ChoiceFilter(choices=State.choices)
    kind = django_filters.ChoiceFilter(choices=Kind.choices)
    work = django_filters.CharFilter(max_length=100, label="Key of the work or chore")
    lane = django_filters.CharFilter(max_length=10, label="live, bulk, outbox or slow")
    search = PrefixSearch("work", "error_type", label="Beginning of work or error")

    class Meta:
        model = Failure
        fields: list[str] = []

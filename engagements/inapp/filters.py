"""Filters of engagements and invitations, shared by API and admin lists."""

import django_filters

from csplatform.api.filters import IdFilter, PrefixSearch
from engagements.inapp.models import (
    Engagement,
    EngagementState,
    Invitation,
    InvitationState,
    TriggeredBy,
)


class EngagementFilter(django_filters.FilterSet):
    """Engagements by name, kind, state and who triggers them."""

    search = PrefixSearch("name", label="Beginning of the name")
    kind = django_filters.CharFilter()
    state = django_filters.ChoiceFilter(choices=EngagementState.choices)
    triggered_by = django_filters.ChoiceFilter(choices=TriggeredBy.choices)

    class Meta:
        model = Engagement
        fields: list[str] = []


class InvitationFilter(django_filters.FilterSet):
    """Invitations by engagement, person, program and how far the person got."""

    engagement = IdFilter(label="Id of an engagement")
    person = IdFilter(label="Id of a person")
    program = IdFilter(field_name="program_id", label="Id of a program")
    state = django_filters.ChoiceFilter(choices=InvitationState.choices)

    class Meta:
        model = Invitation
        fields: list[str] = []

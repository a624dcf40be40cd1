"""Filters of programs, versions, participants and messages, shared by API and admin lists."""

import django_filters
from django.db.models import QuerySet

from csplatform.api.filters import IdFilter, PrefixSearch
from journeys.models import (
    EmailTemplate,
    MailOptOut,
    MailTrouble,
    Outbox,
    Participant,
    Program,
    ProgramStateChange,
    ProgramVersion,
    WebhookEndpoint,
)
from journeys.models.consent import ConsentSource, TroubleReason
from journeys.models.outbox import OutboxState
from journeys.models.participant import RUNNING, ParticipantState
from journeys.models.program import LifeEvent, ProgramState, ProgramType
from journeys.snapshot.life import TOPICS, of_topic


class ProgramFilter(django_filters.FilterSet):
    """Programs by name, state, type, model and folder."""

    search = PrefixSearch("name", label="Beginning of the name")
    state = django_filters.ChoiceFilter(choices=ProgramState.choices)
    type = django_filters.ChoiceFilter(choices=ProgramType.choices)
    folder = IdFilter(label="Id of a folder")
    uncategorized = django_filters.BooleanFilter(
        field_name="folder", lookup_expr="isnull", label="Without a folder"
    )
    model = django_filters.CharFilter(label="Key of a model, e.g. email_chain")
    accepts_entries = django_filters.BooleanFilter(label="Takes people or companies in")
    scheduled = django_filters.BooleanFilter(
        field_name="publish_at", lookup_expr="isnull", exclude=True, label="To be published"
    )
    publish_from = django_filters.IsoDateTimeFilter(field_name="publish_at", lookup_expr="gte")
    publish_until = django_filters.IsoDateTimeFilter(field_name="publish_at", lookup_expr="lt")
    publish_failed = django_filters.BooleanFilter(
        method="has_failed", label="Whose scheduled publishing failed"
    )

    class Meta:
        model = Program
        fields: list[str] = []

    def has_failed(self, queryset: QuerySet[Program], name: str, value: bool) -> QuerySet[Program]:
        """Those with a failure that nobody has edited away, or the others."""
        return (
            queryset.exclude(publish_failure=[]) if value else queryset.filter(publish_failure=[])
        )


class HistoryFilter(django_filters.FilterSet):
    """The history of programs by what happened, when and by whom."""

    program = IdFilter(label="Id of a program")
    what = django_filters.ChoiceFilter(choices=LifeEvent.choices)
    topic = django_filters.ChoiceFilter(
        choices=[(key, label) for key, (label, _) in TOPICS.items()], method="of_topic",
        label="Several of what happened at once",
    )  # fmt: skip
    by = IdFilter(label="Id of a user")
    since = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")
    until = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="lt")

    class Meta:
        model = ProgramStateChange
        fields: list[str] = []

    def of_topic(
        self, queryset: QuerySet[ProgramStateChange], name: str, value: str
    ) -> QuerySet[ProgramStateChange]:
        """As on the page "History"."""
        return of_topic(queryset, value)


class VersionFilter(django_filters.FilterSet):
    """Versions of a program."""

    program = IdFilter(label="Id of a program")

    class Meta:
        model = ProgramVersion
        fields: list[str] = []


class ParticipantFilter(django_filters.FilterSet):
    """Participants by program, subject, state and step."""

    program = IdFilter(label="Id of a program")
    version = IdFilter(label="Id of a version")
    person = IdFilter(label="Id of a person")
    company = IdFilter(label="Id of a company that travels itself")
    at_company = IdFilter(label="Id of the company that a person travels for")
    state = django_filters.ChoiceFilter(choices=ParticipantState.choices)
    running = django_filters.BooleanFilter(method="is_running", label="Active or paused")
    step = django_filters.CharFilter(field_name="step__key", label="Key of the step they are at")
    reached_goal = django_filters.BooleanFilter(
        field_name="goal_at", lookup_expr="isnull", exclude=True
    )
    entered_since = django_filters.IsoDateTimeFilter(field_name="entered_at", lookup_expr="gte")

    class Meta:
        model = Participant
        fields: list[str] = []

    def is_running(
        self, queryset: QuerySet[Participant], name: str, value: bool
    ) -> QuerySet[Participant]:
        """Those inside, or those whose run has ended."""
        if value:
            return queryset.filter(state__in=RUNNING)
        return queryset.exclude(state__in=RUNNING)


class MessageFilter(django_filters.FilterSet):
    """Messages by where they stand, whom they are for and what sent them."""

    state = django_filters.ChoiceFilter(choices=OutboxState.choices)
    channel = django_filters.CharFilter()
    program = IdFilter(field_name="program_id", label="Id of a program")
    participant = IdFilter(field_name="participant_id", label="Id of a participant")
    person = IdFilter(field_name="person_id", label="Id of a person")
    company = IdFilter(field_name="company_id", label="Id of a company")
    step = django_filters.CharFilter(field_name="step_key", label="Key of a step")

    class Meta:
        model = Outbox
        fields: list[str] = []


class TemplateFilter(django_filters.FilterSet):
    """Mail templates by the beginning of their name, and by category."""

    search = PrefixSearch("name", label="Beginning of the name")
    category = IdFilter(label="Id of a mail category")

    class Meta:
        model = EmailTemplate
        fields: list[str] = []


class EndpointFilter(django_filters.FilterSet):
    """Webhook endpoints by the beginning of their name and by whether they are on."""

    search = PrefixSearch("name", label="Beginning of the name")
    is_active = django_filters.BooleanFilter(label="Switched on")

    class Meta:
        model = WebhookEndpoint
        fields: list[str] = []


class OptOutFilter(django_filters.FilterSet):
    """Unsubscriptions by person, category and how they came about."""

    person = IdFilter(label="Id of a person")
    category = IdFilter(label="Id of a mail category")
    everything = django_filters.BooleanFilter(
        field_name="category", lookup_expr="isnull", label="From all mail"
    )
    source = django_filters.ChoiceFilter(choices=ConsentSource.choices)
    since = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")

    class Meta:
        model = MailOptOut
        fields: list[str] = []


class TroubleFilter(django_filters.FilterSet):
    """Addresses that mails did not reach, by the beginning of the address, reason and state."""

    search = PrefixSearch("address", label="Beginning of the address")
    reason = django_filters.ChoiceFilter(choices=TroubleReason.choices)
    suppressed = django_filters.BooleanFilter(
        field_name="blocked_at", lookup_expr="isnull", exclude=True, label="Not written to"
    )

    class Meta:
        model = MailTrouble
        fields: list[str] = []

"""Filters of tasks, types, playbooks and runs."""

import django_filters
from django.db.models import Q, QuerySet

from csplatform.api.filters import IdFilter, PrefixSearch
from csplatform.kit.clock import now
from journeys.models import Playbook, PlaybookRun, Task, TaskType
from journeys.models.playbook import PlaybookSubject, RunState
from journeys.models.task import Outcome, Priority, TaskOrigin, TaskQuerySet, TaskStatus


class TaskFilter(django_filters.FilterSet):
    """Tasks by whom they are about, who has them, where they stand."""

    status = django_filters.ChoiceFilter(choices=TaskStatus.choices)
    is_open = django_filters.BooleanFilter(method="of_open", label="Everything but closed")
    overdue = django_filters.BooleanFilter(
        method="of_overdue", label="Open, and the due date is over in UTC"
    )
    outcome = django_filters.ChoiceFilter(choices=[c for c in Outcome.choices if c[0]])
    person = IdFilter(label="Id of a person")
    company = IdFilter(label="Id of a company; tasks about its people there count")
    assignee = IdFilter(label="Id of a user")
    of_nobody = django_filters.BooleanFilter(
        method="for_nobody", label="Without assignee, or with one who left"
    )
    type = IdFilter(label="Id of a task type")
    reason = django_filters.CharFilter()
    priority = django_filters.ChoiceFilter(choices=Priority.choices)
    origin = django_filters.ChoiceFilter(choices=TaskOrigin.choices)
    program = IdFilter(label="Id of a program")
    run = IdFilter(label="Id of a playbook run")
    due_from = django_filters.DateFilter(field_name="due_on", lookup_expr="gte")
    due_until = django_filters.DateFilter(field_name="due_on", lookup_expr="lte")
    closed_since = django_filters.IsoDateTimeFilter(field_name="closed_at", lookup_expr="gte")

    class Meta:
        model = Task
        fields: list[str] = []

    def of_open(self, queryset: TaskQuerySet, name: str, value: bool) -> QuerySet[Task]:
        """Open ones, or closed ones."""
        return queryset.still_open() if value else queryset.filter(status=TaskStatus.CLOSED)

    def of_overdue(self, queryset: TaskQuerySet, name: str, value: bool) -> QuerySet[Task]:
        """Overdue ones, or all others."""
        today = now().date()
        if value:
            return queryset.overdue(today)
        return queryset.filter(Q(status=TaskStatus.CLOSED) | Q(due_on=None) | Q(due_on__gte=today))

    def for_nobody(self, queryset: TaskQuerySet, name: str, value: bool) -> QuerySet[Task]:
        """Those of nobody, or those of somebody."""
        return queryset.of_nobody() if value else queryset.filter(assignee__is_active=True)


class TaskTypeFilter(django_filters.FilterSet):
    """Types by name and by whether they are on."""

    search = PrefixSearch("name", label="Beginning of the name")
    is_active = django_filters.BooleanFilter()

    class Meta:
        model = TaskType
        fields: list[str] = []


class PlaybookFilter(django_filters.FilterSet):
    """Playbooks by name, for whom, and by whether they are on."""

    search = PrefixSearch("name", label="Beginning of the name")
    subject = django_filters.ChoiceFilter(choices=PlaybookSubject.choices)
    is_active = django_filters.BooleanFilter()

    class Meta:
        model = Playbook
        fields: list[str] = []


class PlaybookRunFilter(django_filters.FilterSet):
    """Runs by playbook, subject and state."""

    playbook = IdFilter(label="Id of a playbook")
    company = IdFilter(label="Id of a company")
    person = IdFilter(label="Id of a person")
    state = django_filters.ChoiceFilter(choices=RunState.choices)
    overdue = django_filters.BooleanFilter(
        method="of_overdue", label="Running longer than expected"
    )
    program = IdFilter(label="Id of the program that assigned it")

    class Meta:
        model = PlaybookRun
        fields: list[str] = []

    def of_overdue(
        self, queryset: QuerySet[PlaybookRun], name: str, value: bool
    ) -> QuerySet[PlaybookRun]:
        """Overdue ones, or all others."""
        late = Q(state=RunState.RUNNING, due_on__isnull=False, due_on__lt=now().date())
        return queryset.filter(late) if value else queryset.exclude(late)

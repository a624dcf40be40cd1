"""Numbers of the home page about customers. Cheap at any size: indexes and estimates."""

from collections.abc import Sequence
from datetime import timedelta

from django.http import HttpRequest
from django.urls import reverse

from csplatform.adminkit.home import Figure
from csplatform.adminkit.paging import EstimatingPaginator, estimated_rows
from csplatform.customers.models import Company, Event, PersonActivity
from csplatform.customers.models.company import CompanyStatus
from csplatform.kit.clock import now

RENEWAL_DAYS = 60


def customer_figures(request: HttpRequest) -> Sequence[Figure]:
    """Companies and people, and who renews soon."""
    today = now().date()
    until = today + timedelta(days=RENEWAL_DAYS)
    companies = reverse("admin:customers_company_changelist")
    people = reverse("admin:customers_person_changelist")
    living = Company.objects.filter(merged_into=None, status=CompanyStatus.ACTIVE)
    renewing = living.filter(renewal_date__range=(today, until)).count()
    seen = PersonActivity.objects.filter(last_seen_at__gte=now() - timedelta(days=7))
    window = f"renewal_date_from={today}&renewal_date_to={until}"
    return [
        Figure("Companies", living.count(), f"{companies}?status__exact=active", note="active"),
        Figure(
            "Renewing soon",
            renewing,
            f"{companies}?status__exact=active&{window}",
            note=f"in the next {RENEWAL_DAYS} days",
        ),
        Figure("People", estimated_rows("customers_person"), people),
        Figure(
            "Seen this week",
            EstimatingPaginator(seen, 1).count,
            f"{people}?seen=7",
            note="people",
        ),
    ]


def event_figures(request: HttpRequest) -> Sequence[Figure]:
    """Whether events flow."""
    events = reverse("admin:customers_event_changelist")
    since = now() - timedelta(days=1)
    # Nothing is recorded before it occurs, so the indexed time narrows what is read; it does not
    # decide: an import records years in an hour.
    recent = Event.objects.filter(recorded_at__gte=since, occurred_at__gte=since)
    last_day = EstimatingPaginator(recent, 1).count
    return [
        Figure("Last 24 hours", last_day, f"{events}?when=1"),
        # both may be estimates of different age: the whole is never less than a part
        Figure("All", max(estimated_rows("customers_event"), last_day), events, note="about"),
    ]

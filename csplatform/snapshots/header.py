"""The head of a snapshot page: what a CSM wants to know before anything else."""

from collections.abc import Callable
from typing import Any

from django.urls import reverse

from csplatform.adminkit.home import Figure
from csplatform.adminkit.templatetags.console import ago
from csplatform.customers.models import Company, Membership, Person
from csplatform.customers.models.company import CompanyStatus
from csplatform.kit.clock import now
from csplatform.kit.registry import Registry

SOON_DAYS = 60
# What rooms above add to the head of a company's page: (company, user) -> a figure, or nothing.
company_figures: Registry[Callable[[Company, Any], Figure | None]] = Registry("company figure")


def company_header(company: Company, user: Any) -> dict[str, Any]:
    """Stage, money, renewal, who looks after it, last seen, and what rooms above add."""
    people = reverse("admin:customers_person_changelist")
    count = Membership.objects.filter(company=company).count()
    activity = getattr(company, "activity", None)
    churned = company.status == CompanyStatus.CHURNED
    return {
        "initials": company.name[:1].upper(),
        "lines": [", ".join(company.domains[:3])],
        "labels": [*(["Churned"] if churned else []), *company.tags[:6]],
        "figures": [
            Figure("Stage", company.get_stage_display()),
            Figure("ARR", company.arr),
            _renewal(company),
            Figure("CSM", str(company.csm) if company.csm else "nobody"),
            Figure("People", count, f"{people}?memberships__company__id__exact={company.pk}"),
            Figure("Last seen", ago(activity.last_seen_at if activity else None)),
            *(found for figure in company_figures if (found := figure(company, user))),
        ],
    }


def shared_figures(company: Company) -> list[Figure]:
    """What the customer may see of its own head: nothing of money, health or what we call it."""
    activity = getattr(company, "activity", None)
    return [
        _renewal(company),
        Figure("Your CSM", str(company.csm) if company.csm else None),
        Figure("People", Membership.objects.filter(company=company).count()),
        Figure("Last seen", ago(activity.last_seen_at if activity else None)),
    ]


def _renewal(company: Company) -> Figure:
    if company.renewal_date is None:
        return Figure("Renewal", None)
    days = (company.renewal_date - now().date()).days
    note = f"in {days} days" if days >= 0 else f"{-days} days ago"
    tone = "warn" if 0 <= days <= SOON_DAYS else ""
    return Figure("Renewal", f"{company.renewal_date:%d %b %Y}", tone=tone, note=note)


def person_header(person: Person, company: Company | None) -> dict[str, Any]:
    """Role, company, who looks after it, last seen."""
    activity = getattr(person, "activity", None)
    name = str(person)
    zone = person.time_zone or (company.time_zone if company else "UTC")
    events = reverse("admin:customers_event_changelist")
    page = reverse("company-snapshot", args=[company.pk]) if company else ""
    return {
        "initials": "".join(part[0] for part in name.split()[:2]).upper(),
        "lines": [person.email if person.name else "", person.role],
        "labels": [person.persona] if person.persona else [],
        "figures": [
            Figure("Company", str(company) if company else None, page),
            Figure("CSM", str(company.csm) if company and company.csm else "nobody"),
            Figure("Last seen", ago(activity.last_seen_at if activity else None)),
            Figure(
                "Events",
                activity.event_count if activity else 0,
                f"{events}?person={person.pk}&when=90",
            ),
            Figure("Language", person.language),
            Figure("Time zone", zone.replace("_", " ")),
        ],
    }

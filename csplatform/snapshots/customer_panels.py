"""Panels about customers themselves: people, companies, attributes with history, usage."""

import json
from datetime import date, datetime, timedelta
from typing import Any

from django.urls import reverse

from csplatform.customers.attributes import Spec, attribute_specs, stored_value
from csplatform.customers.known_names import PASSIVE
from csplatform.customers.models import Company, CompanyOwner, ExternalId, Membership, Person
from csplatform.kit import sql
from csplatform.snapshots.chart import bar_chart

SHOWN_PEOPLE = 8
CHART_DAYS = 90
HISTORY_PER_ATTRIBUTE = 6


def people(company_id: int, user: Any, now: datetime) -> dict[str, Any]:
    """Who works there, those seen last on top."""
    links = Membership.objects.filter(company_id=company_id, person__erased_at=None)
    rows = sql.rows(
        "SELECT p.id, p.name, p.email, p.role, p.persona, a.last_seen_at, m.is_primary"
        " FROM customers_membership m JOIN customers_person p ON p.id = m.person_id"
        " LEFT JOIN customers_personactivity a ON a.person_id = p.id"
        " WHERE m.company_id = %s AND p.erased_at IS NULL"
        " ORDER BY a.last_seen_at DESC NULLS LAST, p.id LIMIT %s",
        [company_id, SHOWN_PEOPLE],
    )
    names = ("id", "name", "email", "role", "persona", "last_seen_at", "is_primary")
    link = reverse("admin:customers_person_changelist")
    return {
        "people": [dict(zip(names, row, strict=True)) for row in rows],
        "total": links.count(),
        "link": f"{link}?memberships__company__id__exact={company_id}",
    }


def owners(company_id: int, user: Any, now: datetime) -> dict[str, Any] | None:
    """Who of ours has a role there, besides the CSM."""
    found = CompanyOwner.objects.filter(company_id=company_id).select_related("user")
    rows = list(found)
    return {"owners": rows} if rows else None


def companies(person_id: int, user: Any, now: datetime) -> dict[str, Any]:
    """Where somebody works, and how the person is known elsewhere."""
    links = Membership.objects.filter(person_id=person_id).select_related("company__csm")
    return {
        "links": list(links),
        "external_ids": list(ExternalId.objects.filter(person_id=person_id)),
    }


def company_attributes(company_id: int, user: Any, now: datetime) -> dict[str, Any]:
    """Values with their last changes."""
    return _attributes("company", Company.objects.get(pk=company_id))


def person_attributes(person_id: int, user: Any, now: datetime) -> dict[str, Any]:
    """Values with their last changes."""
    return _attributes("person", Person.objects.get(pk=person_id))


# The head of the page shows these already.
IN_HEADER = {
    "person": {"email", "name", "role", "persona", "language", "time_zone"},
    "company": {"name", "domains", "stage", "arr", "renewal_date", "tags"},
}


def _attributes(subject: str, obj: Any) -> dict[str, Any]:
    history = _history(subject, obj.pk)
    rows = []
    for name, spec in attribute_specs(subject).items():
        value = stored_value(obj, spec)
        changes = history.get(name, [])
        if name in IN_HEADER[subject] and not changes:
            continue
        if value is None and not changes and spec.column:
            continue
        told = [
            {"old": show(c["old"], spec), "new": show(c["new"], spec), "at": c["at"]}
            for c in changes
        ]
        rows.append({"spec": spec, "value": show(value, spec), "changes": told})
    return {"rows": rows}


def _history(subject: str, subject_id: int) -> dict[str, list[dict[str, Any]]]:
    """The last changes of each attribute, newest first: one statement."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name, old, new, at in sql.rows(
        "SELECT name, old::text, new::text, occurred_at FROM ("
        " SELECT *, row_number() OVER (PARTITION BY name ORDER BY id DESC) AS place"
        " FROM customers_attributechange WHERE subject = %s AND subject_id = %s) c"
        " WHERE place <= %s ORDER BY id DESC",
        [subject, subject_id, HISTORY_PER_ATTRIBUTE],
    ):
        old, new = (None if text is None else json.loads(text) for text in (old, new))
        found.setdefault(name, []).append({"old": old, "new": new, "at": at})
    return found


def show(value: Any, spec: Spec | None = None) -> str:
    """A value for reading; "" for unset. `spec` is the attribute's where it is known."""
    if value is None:
        return ""
    if spec and spec.type == "datetime":
        return f"{datetime.fromisoformat(value):%d %b %Y %H:%M} UTC"
    if spec and spec.type == "date":
        return f"{date.fromisoformat(str(value)[:10]):%d %b %Y}"
    if spec and spec.choices:
        return dict(spec.choices).get(value, str(value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)


def company_usage(company_id: int, user: Any, now: datetime) -> dict[str, Any]:
    """Events by day."""
    return _usage("company_id", company_id, now)


def person_usage(person_id: int, user: Any, now: datetime) -> dict[str, Any]:
    """Events by day."""
    return _usage("person_id", person_id, now)


def _usage(column: str, subject_id: int, now: datetime) -> dict[str, Any]:
    first = now.date() - timedelta(days=CHART_DAYS - 1)
    # Naming the names lets one index answer: (subject, name, time). What was done to somebody is
    # no use, as in the count of the head.
    counts: dict[date, int] = dict(
        sql.rows(
            "SELECT (occurred_at AT TIME ZONE 'UTC')::date AS day, count(*) FROM customers_event"
            f" WHERE {column} = %s AND name_id = ANY(ARRAY("
            "SELECT id FROM customers_eventname WHERE name <> ALL(%s)))"
            " AND occurred_at >= %s GROUP BY day",
            [subject_id, sorted(PASSIVE), first],
        )
    )
    days = [first + timedelta(days=offset) for offset in range(CHART_DAYS)]
    values = [counts.get(day, 0) for day in days]
    busiest = max(range(CHART_DAYS), key=values.__getitem__)
    return {
        "chart": bar_chart(days, values),
        "total": sum(values),
        "busiest": days[busiest],
        "busiest_count": values[busiest],
        "active_days": sum(1 for value in values if value),
        "days": CHART_DAYS,
    }

"""What clocks and calendars of travellers say: their time zone, a date of theirs. Set-based."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from csplatform.customers.attributes import Spec
from csplatform.kit import sql
from journeys.steps.kind import Traveller
from journeys.steps.localtime import zone_of

_SUBJECTS = (
    "FROM unnest(%(ids)s::bigint[], %(subjects)s::bigint[], %(companies)s::bigint[])"
    " AS t (participant, subject, company)"
)
# A person's own zone, else that of the company it travels for, else of its primary company.
_ZONES = {
    "person": (
        f"SELECT t.participant, p.time_zone, c.time_zone {_SUBJECTS}"
        " LEFT JOIN customers_person p ON p.id = t.subject"
        " LEFT JOIN customers_membership m ON m.person_id = t.subject AND m.is_primary"
        " LEFT JOIN customers_company c ON c.id = coalesce(t.company, m.company_id)"
    ),
    "company": (
        f"SELECT t.participant, c.time_zone {_SUBJECTS}"
        " LEFT JOIN customers_company c ON c.id = t.subject"
    ),
}


def _params(travellers: Sequence[Traveller]) -> dict[str, Any]:
    return {
        "ids": [t.id for t in travellers],
        "subjects": [t.subject_id for t in travellers],
        "companies": [t.at_company_id for t in travellers],
    }


def zones_of(travellers: Sequence[Traveller], subject: str) -> dict[int, ZoneInfo]:
    """The time zone of each participant; the installation's where nobody knows it. One query."""
    home = zone_of(settings.TIME_ZONE) or ZoneInfo("UTC")
    if not travellers:
        return {}
    rows = sql.rows(_ZONES[subject], _params(travellers))
    return {
        row[0]: next((zone for name in row[1:] if (zone := zone_of(name or ""))), home)
        for row in rows
    }


def dates_of(
    spec: Spec, travellers: Sequence[Traveller], subject: str
) -> dict[int, date | datetime]:
    """A date attribute of each participant's subject; without those who have none. One query."""
    if not travellers:
        return {}
    name = "%(name)s::text"
    column = f"to_jsonb(s.{spec.column})" if spec.column else f"s.attributes -> {name}"
    rows = sql.rows(
        f"SELECT t.participant, {column} #>> '{{}}' {_SUBJECTS}"
        f" JOIN customers_{subject} s ON s.id = t.subject",
        _params(travellers) | {"name": spec.name},
    )
    found = {participant: _date(spec, text) for participant, text in rows}
    return {participant: value for participant, value in found.items() if value is not None}


def _date(spec: Spec, text: str | None) -> date | datetime | None:
    """A stored value; None for one that is no date (its attribute had another type before)."""
    try:
        if not text:
            return None
        if spec.type == "date":
            return date.fromisoformat(text[:10])
        found = datetime.fromisoformat(text)
        return found if found.tzinfo else None
    except ValueError:
        return None

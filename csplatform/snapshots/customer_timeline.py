"""Timeline sources about customers: events, attribute changes, company links."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from django.urls import reverse

from csplatform.accounts.models import User
from csplatform.customers.attributes import Spec, attribute_specs
from csplatform.customers.known_names import name_words
from csplatform.customers.models import Company, Person
from csplatform.kit import sql
from csplatform.snapshots.customer_panels import show
from csplatform.snapshots.timeline import Entry, Load

Bound = tuple[datetime, int] | None
END = (datetime(9999, 1, 1, tzinfo=UTC), 2**62)


def events_of(column: str) -> Load:
    """Loader of events by "person_id" or "company_id"."""
    other = "company" if column == "person_id" else "person"

    def load(subject_id: int, bound: Bound, limit: int) -> list[Entry]:
        at, key = bound or END
        # One short index scan per name: the index is (subject, name, time).
        found = sql.rows(
            f"SELECT e.id, e.occurred_at, n.name, n.label, e.properties::text, e.{other}_id"
            " FROM customers_eventname n CROSS JOIN LATERAL ("
            f" SELECT id, occurred_at, properties, {other}_id FROM customers_event"
            f" WHERE {column} = %s AND name_id = n.id AND occurred_at <= %s"
            " AND (occurred_at, id) < (%s, %s)"
            " ORDER BY occurred_at DESC, id DESC LIMIT %s) e"
            " ORDER BY e.occurred_at DESC, e.id DESC LIMIT %s",
            [subject_id, at, at, key, limit, limit],
        )
        model = Company if other == "company" else Person
        named = model.objects.in_bulk({row[5] for row in found if row[5]})
        return [_event(row, named.get(row[5]), other) for row in found]

    return load


def _event(row: Sequence[Any], other: Any, kind: str) -> Entry:
    event_id, at, name, label, properties, _ = row
    facts = tuple(sql_json(properties).items())
    link = reverse(f"{kind}-snapshot", args=[other.pk]) if other else ""
    preposition = "by" if kind == "person" else "at"
    detail = f"{preposition} {other}" if other else ""
    return Entry(at, event_id, name_words(name, label), detail, link, facts)


def sql_json(text: str) -> dict[str, Any]:
    """A JSON object read as text from the database."""
    found = json.loads(text)
    return found if isinstance(found, dict) else {}


def changes_of(subject: str) -> Load:
    """Loader of attribute changes."""

    def load(subject_id: int, bound: Bound, limit: int) -> list[Entry]:
        at, key = bound or END
        found = sql.rows(
            "SELECT id, occurred_at, name, old::text, new::text, cause::text"
            " FROM customers_attributechange WHERE subject = %s AND subject_id = %s"
            " AND (occurred_at, id) < (%s, %s) ORDER BY occurred_at DESC, id DESC LIMIT %s",
            [subject, subject_id, at, key, limit],
        )
        rows = [(*row[:3], *(json.loads(cell or "null") for cell in row[3:])) for row in found]
        specs = attribute_specs(subject)
        users = _users(rows)
        return [_change(row, specs, users) for row in rows]

    return load


def _users(rows: Iterable[Sequence[Any]]) -> dict[int, User]:
    ids = {value for row in rows if row[2] == "csm" for value in row[3:5] if value}
    return User.objects.in_bulk(ids) if ids else {}


def _change(row: Sequence[Any], specs: dict[str, Spec], users: dict[int, User]) -> Entry:
    change_id, at, name, old, new, cause = row
    if name == "csm":
        old, new = (str(users.get(value, "")) or None for value in (old, new))
    spec = specs.get(name)
    label = {"csm": "CSM", "parent": "Parent company"}.get(name) or (spec.label if spec else name)
    if new is None:
        title = f"{label} removed (was {show(old, spec)})"
    elif old is None:
        title = f"{label} set to {show(new, spec)}"
    else:
        title = f"{label} changed from {show(old, spec)} to {show(new, spec)}"
    return Entry(at, change_id, title, cause_words(cause))


def cause_words(cause: dict[str, Any]) -> str:
    """Why something changed, in words."""
    kind = str(cause.get("kind", ""))
    label = str(cause.get("label") or cause.get("id") or "")
    if kind == "user":
        return f"by {label}"
    if kind in ("", "system"):
        return ""
    return f"by {kind.replace('_', ' ')} {label}".strip()


def memberships_of(column: str) -> Load:
    """Loader of company links by "person_id" or "company_id"."""
    other = "company" if column == "person_id" else "person"
    model = Company if other == "company" else Person

    def load(subject_id: int, bound: Bound, limit: int) -> list[Entry]:
        at, key = bound or END
        found = sql.rows(
            f"SELECT id, occurred_at, joined, {other}_id, cause::text"
            f" FROM customers_membershipchange WHERE {column} = %s"
            " AND (occurred_at, id) < (%s, %s) ORDER BY occurred_at DESC, id DESC LIMIT %s",
            [subject_id, at, key, limit],
        )
        named = model.objects.in_bulk({row[3] for row in found})
        entries = []
        for change_id, at_, joined, other_id, cause in found:
            who = named.get(other_id)
            verb = "joined" if joined else "left"
            title = f"{verb.capitalize()} {who}" if other == "company" else f"{who} {verb}"
            link = reverse(f"{other}-snapshot", args=[other_id]) if who else ""
            entries.append(Entry(at_, change_id, title, cause_words(json.loads(cause)), link))
        return entries

    return load

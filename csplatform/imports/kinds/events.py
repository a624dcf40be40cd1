"""Events from a file: what happened before the tracker was there."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from csplatform.customers.operations.events import MAX_NAME, EventInput, record_events
from csplatform.customers.operations.identity import find
from csplatform.imports.kind import ImportKind, Row, Target, Written
from csplatform.kit import sql
from csplatform.kit.clock import database_now
from csplatform.kit.errors import DomainError, Problem


class EventsImport(ImportKind):
    """Events of people who are known already."""

    key: ClassVar[str] = "events"
    label: ClassVar[str] = "Events"
    sentence: ClassVar[str] = (
        "Of people and companies that are known; a row for somebody unknown is refused. Programs "
        "react to them as to any event."
    )
    permissions: ClassVar[tuple[str, ...]] = ("customers.add_event",)

    def targets(self) -> list[Target]:
        """What, who, when, and anything else as a property."""
        return [
            Target("name", "Event name", aliases=("event", "event_name", "action")),
            Target("email", "Person: email", aliases=("e_mail", "mail", "email_address")),
            Target("external_id", "Person: external id", aliases=("user_id",)),
            Target("company_external_id", "Company: external id", aliases=("account_id",)),
            Target("occurred_at", "Time", "datetime",
                   ("time", "timestamp", "date", "at", "created_at")),
            Target("message_id", "Message id: taken once", aliases=("id", "event_id")),
            Target("property", "A property of this name", many=True),
        ]  # fmt: skip

    def lacking(self, mapped: Collection[str]) -> str:
        """What and who; a name for all of them may stand in the options."""
        if not {"email", "external_id", "company_external_id"} & set(mapped):
            return "Say which column tells who it was: an email address or an external id."
        if "name" not in mapped:
            return "Say which column holds the event's name, or give one name for all rows."
        return ""

    def write(self, rows: Sequence[Row], *, keys: Sequence[str], actor: Any) -> list[Written]:
        """Through the operation; a row has its own message id, so twice is once."""
        people, companies = _people(rows), _companies(rows)
        problems: list[Problem] = []
        items: list[EventInput] = []
        for index, (row, key) in enumerate(zip(rows, keys, strict=True)):
            wrong = _wrong(row, index)
            person, company = people[index], companies.get(str(row.get("company_external_id")))
            if person is None and company is None:
                text = "Nobody here has this address or id; import people first."
                wrong.append(Problem(f"/{index}/{_who(row)}", text, "unknown"))
            problems += wrong
            if not wrong:
                items.append(_event(row, key, person, company))
        if problems:
            raise DomainError(problems)
        results = record_events(items)
        return [Written("created" if r.status == "new" else "unchanged") for r in results]


def _who(row: Row) -> str:
    names = ("external_id", "email", "company_external_id")
    return next((name for name in names if row.get(name)), "email")


def _wrong(row: Row, index: int) -> list[Problem]:
    name = str(row.get("name") or "")
    problems = []
    if not name or len(name) > MAX_NAME:
        text = f"An event's name has 1 to {MAX_NAME} characters."
        problems.append(Problem(f"/{index}/name", text, "name"))
    try:
        moment = _moment(row.get("occurred_at"))
    except ValueError:
        text = f"“{str(row['occurred_at'])[:60]}” is no time like 2026-12-31 14:00."
        problems.append(Problem(f"/{index}/occurred_at", text, "type"))
    else:
        if moment and moment > database_now():
            problems.append(Problem(f"/{index}/occurred_at", "This is in the future.", "range"))
    return problems


def _moment(value: Any) -> datetime | None:
    if not value:
        return None
    moment = datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _event(row: Row, key: str, person: int | None, company: int | None) -> EventInput:
    return EventInput(
        name=str(row["name"]),
        person_id=person,
        company_id=company,
        occurred_at=_moment(row.get("occurred_at")),
        properties=dict(row.get("property") or {}),
        message_id=str(row.get("message_id") or key)[:100],
    )


def _people(rows: Sequence[Row]) -> list[int | None]:
    """Who each row is about: two statements for all of them."""
    external = [("user_id", str(row["external_id"])) for row in rows if row.get("external_id")]
    emails = [str(row["email"]).lower() for row in rows if row.get("email")]
    known = find(external, emails)
    found: list[int | None] = []
    for row in rows:
        person = known.external.get(("user_id", str(row.get("external_id"))))
        found.append(person or known.emails.get(str(row.get("email") or "").lower()))
    return found


def _companies(rows: Sequence[Row]) -> dict[str, int]:
    wanted = {str(row["company_external_id"]) for row in rows if row.get("company_external_id")}
    if not wanted:
        return {}
    return dict(
        sql.rows(
            "SELECT external_id, coalesce(merged_into_id, id) FROM customers_company"
            " WHERE external_id = ANY(%s)",
            [sorted(wanted)],
        )
    )

"""What a browser reports about a showing: the item "showing" of the tracker."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from csplatform.customers.operations.events import EventInput
from csplatform.kit import sql
from csplatform.kit.errors import Problem
from csplatform.kit.schema import Config
from csplatform.kit.tokens import BadToken
from engagements.inapp import tickets
from engagements.inapp.operations.progress import Report, record_progress
from engagements.tracker.contract import Item, ItemKind, VisitorView

EVENTS = {
    "viewed": "engagement.viewed",
    "completed": "engagement.completed",
    "dismissed": "engagement.dismissed",
    "not_rendered": "engagement.not_rendered",
}


class ShowingData(Config):
    """One thing that came of a showing."""

    ticket: str = Field(max_length=500)
    event: Literal["viewed", "completed", "dismissed", "not_rendered"]
    button: str = Field(default="", max_length=100)
    reason: str = Field(default="", max_length=200)
    url: str = Field(default="", max_length=2000)


@dataclass(frozen=True, slots=True)
class _Family:
    """A person's invitations that one showing is about: the one it was made for, and the others
    of the same engagement that are still open. Seen once is seen for all of them."""

    person_id: int
    ids: tuple[int, ...]


class Showings(ItemKind):
    """Turns reports into events that waiting participants hear, and keeps the showing's row."""

    key = "showing"
    Data = ShowingData

    def events(
        self, items: Sequence[Item], visitor: VisitorView
    ) -> list[list[EventInput] | Problem]:
        """A report that comes again gives the same message ids, so nothing counts twice."""
        read = {item.index: _ticket(item, visitor) for item in items}
        good = {i: t for i, t in read.items() if isinstance(t, tickets.Ticket)}
        families = _families({ticket.invitation_id for ticket in good.values()})
        answers: list[list[EventInput] | Problem] = []
        reports: list[Report] = []
        for item in items:
            ticket = read[item.index]
            if isinstance(ticket, Problem):
                answers.append(ticket)
                continue
            family = families.get(ticket.invitation_id)
            if family is None:
                answers.append(_unfit(item))
                continue
            reports.append(_report(item, ticket, family))
            answers.append(_events(item, ticket, family, visitor))
        record_progress(reports)
        return answers


def _ticket(item: Item, visitor: VisitorView) -> tickets.Ticket | Problem:
    try:
        ticket = tickets.redeem(item.data.ticket)
    except BadToken:
        return _unfit(item)
    return ticket if ticket.visitor_id == visitor.id else _unfit(item)


def _unfit(item: Item) -> Problem:
    text = "This ticket is not valid, too old, or another visitor's."
    return Problem(f"{item.path}/ticket", text, "ticket")


def _families(ids: set[int]) -> dict[int, _Family]:
    """Two queries for all tickets of a batch. A merged person's winner counts."""
    if not ids:
        return {}
    # People before invitations, as a merge has it; after this nobody is merged away under us.
    sql.rows(
        "SELECT id FROM customers_person WHERE id IN (SELECT person_id FROM engagements_invitation"
        " WHERE id = ANY(%s)) ORDER BY id FOR KEY SHARE",
        [sorted(ids)],
    )
    rows = sql.rows(
        "SELECT i.id, i.person_id, array_agg(s.id ORDER BY s.id) FROM engagements_invitation i"
        " JOIN engagements_invitation s ON s.person_id = i.person_id"
        " AND s.engagement_id = i.engagement_id"
        " AND (s.id = i.id OR s.state IN ('open', 'viewed'))"
        " WHERE i.id = ANY(%s) GROUP BY i.id",
        [sorted(ids)],
    )
    return {row[0]: _Family(row[1], tuple(row[2])) for row in rows}


def _report(item: Item, ticket: tickets.Ticket, family: _Family) -> Report:
    return Report(
        ticket, item.data.event, item.at, family.person_id, family.ids,
        button=item.data.button, reason=item.data.reason, url=item.data.url,
    )  # fmt: skip


def _events(
    item: Item, ticket: tickets.Ticket, family: _Family, visitor: VisitorView
) -> list[EventInput]:
    """Who answers has viewed: a report of the viewing that got lost must hold nobody up."""
    happened = [item.data.event]
    if item.data.event in ("completed", "dismissed"):
        happened.insert(0, "viewed")
    ids = family.ids if item.data.event != "not_rendered" else (ticket.invitation_id,)
    return [
        EventInput(
            name=EVENTS[event],
            person_id=family.person_id,
            company_id=visitor.company_id,
            visitor_id=visitor.id,
            ref=invitation_id,
            occurred_at=item.at,
            properties=_properties(item.data, ticket, event),
            message_id=f"{ticket.execution.hex}:{event}:{invitation_id}",
        )
        for event in happened
        for invitation_id in ids
    ]


def _properties(data: ShowingData, ticket: tickets.Ticket, event: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "engagement": ticket.engagement_id, "execution": str(ticket.execution), "url": data.url,
    }  # fmt: skip
    if data.button and event == data.event:
        found["button"] = data.button
    if data.reason:
        found["reason"] = data.reason
    return found

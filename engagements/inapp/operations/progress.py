"""Writing how far showings and invitations got. Conditional updates; any order, any repetition."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from csplatform.kit import sql
from engagements.inapp.tickets import Ticket


@dataclass(frozen=True, slots=True)
class Report:
    """One thing that came of one execution.

    Attributes:
        event: "viewed", "completed", "dismissed" or "not_rendered".
        invitation_ids: every invitation that it counts for.
    """

    ticket: Ticket
    event: str
    at: datetime
    person_id: int
    invitation_ids: tuple[int, ...]
    button: str = ""
    reason: str = ""
    url: str = ""


# Completing outranks dismissing (two tabs); what was withdrawn or failed keeps its state.
_TRANSITIONS = {
    "viewed": """
UPDATE engagements_invitation i SET viewed_at = x.at,
    state = CASE i.state WHEN 'open' THEN 'viewed' ELSE i.state END
FROM ({given}) x WHERE i.id = x.id AND i.viewed_at IS NULL""",
    "completed": """
UPDATE engagements_invitation i SET completed_at = x.at,
    viewed_at = COALESCE(i.viewed_at, x.at),
    state = CASE WHEN i.state IN ('open', 'viewed', 'dismissed') THEN 'completed' ELSE i.state END
FROM ({given}) x WHERE i.id = x.id AND i.completed_at IS NULL""",
    "dismissed": """
UPDATE engagements_invitation i SET dismissed_at = x.at,
    viewed_at = COALESCE(i.viewed_at, x.at),
    state = CASE WHEN i.state IN ('open', 'viewed') THEN 'dismissed' ELSE i.state END
FROM ({given}) x WHERE i.id = x.id AND i.dismissed_at IS NULL""",
}
_GIVEN = (
    "SELECT id, min(at) AS at FROM unnest(%s::bigint[], %s::timestamptz[]) AS g(id, at)"
    " GROUP BY id ORDER BY id"
)


def record_progress(reports: Sequence[Report]) -> None:
    """Write a batch of reports: at most four statements, in the caller's transaction."""
    if not reports:
        return
    for event, statement in _TRANSITIONS.items():
        pairs = [(i, r.at) for r in reports if r.event == event for i in r.invitation_ids]
        if pairs:
            ids, times = zip(*pairs, strict=True)
            sql.run(statement.format(given=_GIVEN), [list(ids), list(times)])
    _write_showings(reports)


_SHOWINGS = """
INSERT INTO engagements_showing AS s (execution, engagement_id, release, invitation_id, visitor_id,
    person_id, created_at, shown_at, completed_at, dismissed_at, failed_at, not_rendered, button,
    url)
SELECT * FROM unnest(%s::uuid[], %s::bigint[], %s::int[], %s::bigint[], %s::bigint[], %s::bigint[],
    %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[],
    %s::text[], %s::text[], %s::text[])
ON CONFLICT (execution) DO UPDATE SET
    shown_at = LEAST(s.shown_at, excluded.shown_at),
    completed_at = COALESCE(s.completed_at, excluded.completed_at),
    dismissed_at = COALESCE(s.dismissed_at, excluded.dismissed_at),
    failed_at = COALESCE(s.failed_at, excluded.failed_at),
    not_rendered = COALESCE(NULLIF(s.not_rendered, ''), excluded.not_rendered),
    button = COALESCE(NULLIF(s.button, ''), excluded.button)
"""


def _write_showings(reports: Sequence[Report]) -> None:
    """One row per execution, whatever of it is known by now."""
    grouped: dict[Any, list[Report]] = {}
    for report in reports:
        grouped.setdefault(report.ticket.execution, []).append(report)
    rows = [_showing(execution, grouped[execution]) for execution in sorted(grouped)]
    sql.run(_SHOWINGS, [list(column) for column in zip(*rows, strict=True)])


def _showing(execution: Any, reports: list[Report]) -> tuple[Any, ...]:
    first = reports[0]
    times: dict[str, datetime] = {}
    for report in reports:
        times[report.event] = min(report.at, times.get(report.event, report.at))
    seen = [times[event] for event in ("viewed", "completed", "dismissed") if event in times]
    return (
        execution, first.ticket.engagement_id, first.ticket.release, first.ticket.invitation_id,
        first.ticket.visitor_id, first.person_id, min(times.values()), min(seen, default=None),
        times.get("completed"), times.get("dismissed"), times.get("not_rendered"),
        next((r.reason or "unknown" for r in reports if r.event == "not_rendered"), ""),
        next((r.button for r in reports if r.button), ""), first.url[:500],
    )  # fmt: skip

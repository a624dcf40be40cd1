"""A claimed participant while it is being advanced, in memory."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from csplatform.kit import sql
from journeys.engine.versions import CompiledVersion
from journeys.models.participant import Phase
from journeys.steps.kind import StepView, Traveller
from journeys.steps.outcome import Addressed, Effect


@dataclass(slots=True)
class Entry:
    """One transition to be written."""

    kind: str
    step_id: int | None
    to_step_id: int | None
    exit: str
    evidence: dict[str, Any]


@dataclass(slots=True)
class Sending:
    """One effect to be written to the outbox."""

    outbox_id: int
    step: StepView
    effect: Effect


@dataclass(slots=True)
class Run:
    """A participant in hand: where it was, where it is now, what is to be written about it."""

    traveller: Traveller
    version: CompiledVersion
    step: StepView | None
    lane: int
    depth: int
    had_waits: bool
    frozen: bool  # its program is paused: it goes on to its next wait and stays there
    fresh: bool  # has just arrived at `step`: run it; else look at its wait again
    state: str = "active"
    due_at: datetime | None = None
    remaining: timedelta | None = None
    wait_local: str = ""
    wait_zone: str = ""
    ended_at: datetime | None = None
    end_reason: str = ""
    goal_at: datetime | None = None
    listens: tuple[tuple[str, int], ...] = ()
    listens_people: tuple[tuple[str, int, int], ...] = ()
    expired: bool = False  # its wait was decided by the limit
    heard: tuple[tuple[str, int], ...] = ()  # what it knew to have happened then
    moved: bool = False
    control: str = ""  # held out, and by what: it stands at no step
    member: bool = False  # came from a source with members
    leaving: tuple[str, str, dict[str, Any]] | None = None  # state, reason, evidence: not yet ended
    log: list[Entry] = field(default_factory=list)
    sends: list[Sending] = field(default_factory=list)
    parts: list[tuple[StepView, Addressed]] = field(default_factory=list)

    @property
    def over(self) -> bool:
        """Whether the run has ended."""
        return self.ended_at is not None

    def note(self, kind: str, to: StepView | None, exit_key: str, evidence: dict[str, Any]) -> None:
        """Add a transition."""
        step_id = self.step.id if self.step else None
        self.log.append(Entry(kind, step_id, to.id if to else None, exit_key, evidence))

    def end(
        self, state: str, reason: str, now: datetime, kind: str, evidence: dict[str, Any]
    ) -> None:
        """End the run."""
        self.note(kind, None, "", {"reason": reason, **evidence})
        self.state, self.end_reason, self.ended_at, self.due_at = state, reason[:200], now, None
        self.moved = True


_COLUMNS = (
    "p.id, p.program_id, p.version_id, p.person_id, p.company_id, p.at_company_id, p.visit,"
    " p.refs, p.step_since, p.phase, p.limit_at, p.context_id, p.step_id, p.lane, p.depth,"
    " p.goal_at, p.due_at, p.wait_local, p.wait_zone, p.control, p.cause ? 'segment', p.fields"
)


def lock_rows(
    ids: list[int], condition: str, now: datetime, *, wait: bool = False
) -> list[tuple[Any, ...]]:
    """Lock those of `ids` that nobody else has in hand (or all, with `wait`), in id order.

    `condition` is code-owned SQL over alias p; it may use %(now)s. The state of its program is
    added to each row: read once the rows are locked, so that a pause either is seen here or waits
    for them.
    """
    where = f"p.id = ANY(%(ids)s) AND ({condition})"
    return lock_where(where, {"ids": ids, "now": now}, wait=wait)


def lock_where(
    condition: str, params: dict[str, Any], *, wait: bool = False
) -> list[tuple[Any, ...]]:
    """As `lock_rows`, for active participants that a condition picks."""
    found = sql.rows(
        f"SELECT {_COLUMNS} FROM journeys_participant p WHERE p.state = 'active' AND ({condition})"
        f" ORDER BY p.id FOR UPDATE OF p{'' if wait else ' SKIP LOCKED'}",
        params,
    )
    if not found:
        return []
    states = dict(
        sql.rows(
            "SELECT id, state FROM journeys_program WHERE id = ANY(%s)",
            [list({row[1] for row in found})],
        )
    )
    return [(*row, states[row[1]]) for row in found]


def make_run(row: tuple[Any, ...], versions: dict[int, CompiledVersion]) -> Run | None:
    """A Run of a locked row; None when its version is quarantined."""
    version = versions.get(row[2])
    if version is None:
        return None
    traveller = Traveller(
        id=row[0],
        program_id=row[1],
        version_id=row[2],
        person_id=row[3],
        company_id=row[4],
        at_company_id=row[5],
        visit=row[6],
        refs=json.loads(row[7]),
        step_since=row[8],
        phase=row[9],
        limit_at=row[10],
        context_id=row[11],
        fields=json.loads(row[21]) if row[21] != "{}" else {},
    )
    waiting = row[9] in (Phase.ARMING, Phase.WAITING)
    return Run(
        traveller=traveller,
        version=version,
        step=version.by_id.get(row[12]),
        lane=row[13],
        depth=row[14],
        goal_at=row[15],
        had_waits=waiting,
        frozen=row[22] == "paused",
        control=row[19],
        member=row[20],
        fresh=not waiting,
        due_at=row[16],
        wait_local=row[17],
        wait_zone=row[18],
    )

"""What must be true of the stored state after every act, whatever happened before."""

from collections import Counter, defaultdict
from typing import Any

from csplatform.kit import sql
from tests.journeys.engine.lockstep import Lockstep
from tests.oracles import journeys as plain

ENDED = ("completed", "unenrolled", "failed", "removed")
_SPAN = "round(extract(epoch FROM {}) / 3600)::int"


def states() -> dict[int, dict[str, Any]]:
    """Participants as they are stored, moments in hours from now."""
    columns = {
        "program": "p.program_id",
        "person": "p.person_id",
        "context": "p.context_id",
        "version": "v.number",
        "state": "p.state",
        "step": "s.key",
        "phase": "p.phase",
        "due": _SPAN.format("p.due_at - clock_timestamp()"),
        "limit": _SPAN.format("p.limit_at - clock_timestamp()"),
        "remaining": _SPAN.format("p.remaining"),
        "visit": "p.visit",
        "reason": "p.end_reason",
        "goal": "p.goal_at IS NOT NULL",
        "ended": "p.ended_at IS NOT NULL",
    }
    found = sql.rows(
        f"SELECT p.id, {', '.join(columns.values())} FROM journeys_participant p"
        " JOIN journeys_programversion v ON v.id = p.version_id"
        " LEFT JOIN journeys_step s ON s.id = p.step_id ORDER BY p.id"
    )
    return {row[0]: dict(zip(columns, row[1:], strict=True)) for row in found}


def transitions() -> dict[int, list[tuple]]:
    """Per participant: (kind, step, to, exit, visit, event, amendment, reason) in order."""
    found = defaultdict(list)
    for participant, *rest in sql.rows(
        "SELECT t.participant_id, t.kind, s.key, o.key, t.exit, t.visit,"
        " coalesce(t.evidence->>'event', ''), t.amendment, coalesce(t.evidence->>'reason', '')"
        " FROM journeys_transition t LEFT JOIN journeys_step s ON s.id = t.step_id"
        " LEFT JOIN journeys_step o ON o.id = t.to_step_id ORDER BY t.id"
    ):
        found[participant].append(tuple(rest))
    return dict(found)


def check(play: Lockstep, *, drained: bool = False) -> None:
    """Everything that holds at any time, and with `drained` that nothing is left to do."""
    stored, history = states(), transitions()
    _promises(stored, history)
    _as_told(play, stored, history)
    _effects(play)
    _waits(play)
    if drained:
        assert not sql.one(
            "SELECT (SELECT count(*) FROM journeys_participant WHERE due_at <= clock_timestamp())"
            " + (SELECT count(*) FROM customers_eventinbox)"
            " + (SELECT count(*) FROM freshness_touch) + (SELECT count(*) FROM journeys_batch)"
        )


# --- promises of the engine alone ---------------------------------------------------------


def _promises(stored: dict[int, dict], history: dict[int, list[tuple]]) -> None:
    inside = Counter(
        (row["program"], row["person"], row["context"])
        for row in stored.values() if not row["ended"]
    )  # fmt: skip
    assert not [place for place, count in inside.items() if count > 1]
    for participant, row in stored.items():
        assert row["ended"] == (row["state"] in ENDED)
        if row["ended"] or row["state"] == "paused":
            assert row["due"] is None
        told = history[participant]
        once = Counter(
            (step, visit, kind, event) for kind, step, _, _, visit, event, _, _ in told
        )  # fmt: skip
        assert not [key for key, count in once.items() if count > 1], told
        assert _replayed(told) == (row["step"], row["ended"], row["reason"], row["visit"]), told


def _replayed(told: list[tuple]) -> tuple:
    """Where a run stands by its transitions alone."""
    step, ended, reason, visit = None, False, "", 0
    for kind, at, to, _, its_visit, _, _, why in told:
        if kind == "late":
            continue
        assert not ended or kind == "retry", "nothing happens after the end"
        if kind == "enter":
            step = to
        else:
            assert at == step, "every decision is about the step where it stood"
        if kind == "go":
            step = to
        elif kind in ("leave", "fail"):
            ended, reason = True, why
        elif kind == "move":
            step, visit = to, its_visit
        elif kind == "retry":
            ended, reason, visit = False, "", its_visit
    return step, ended, reason, visit


# --- agreement with the retelling ---------------------------------------------------------


def _as_told(play: Lockstep, stored: dict[int, dict], history: dict[int, list[tuple]]) -> None:
    runs = dict(zip(play.ids, play.world.runs, strict=True))
    assert stored.keys() == runs.keys()
    for participant, run in runs.items():
        assert stored[participant] == _expected(run, play.world.now, stored[participant])
        assert [_line(*entry) for entry in history[participant]] == run.log
    for program in play.world.programs:
        told = Counter(run.state for run in runs.values() if run.program is program)
        counted = Counter(
            row["state"] for row in stored.values() if row["program"] == program.id
        )  # fmt: skip
        assert told == counted


def _expected(run: plain.Run, now: int, stored: dict[str, Any]) -> dict[str, Any]:
    """The row of a run. What only matters while it is in there is not compared afterwards."""

    def hours(moment: int | None) -> int | None:
        return None if moment is None else moment - now

    resting = run.state != "active"
    return {
        "program": run.program.id,
        "person": run.person.number,
        "context": run.context,
        "version": run.version.number,
        "state": run.state,
        "step": run.step,
        "phase": stored["phase"] if resting else run.phase,
        "due": hours(run.due),
        "limit": stored["limit"] if resting else hours(run.limit),
        "remaining": run.remaining,
        "visit": run.visit,
        "reason": run.reason,
        "goal": run.goal,
        "ended": not run.open,
    }


def _line(
    kind: str, step: str, to: str, exit_key: str, visit: int, event: str, amendment: int, _: str
) -> plain.Log:
    more = f"a{amendment}" if kind in ("go", "wait", "goal") else event
    return kind, step, to, exit_key, visit, more


def _effects(play: Lockstep) -> None:
    """One message per run, step and visit, no more and no fewer."""
    stored = sql.rows("SELECT participant_id, step_key, visit, slot FROM journeys_outbox")
    assert len(set(stored)) == len(stored)
    told = {(play.ids[run], step, visit, "person") for run, step, visit in play.world.messages}
    assert set(stored) == told


def _waits(play: Lockstep) -> None:
    """Who listens, and whom a late event would still be told to; nobody who has ended listens."""
    found = sql.rows(
        "SELECT w.participant_id, n.name, o.step_key, o.visit, w.closed_at IS NULL, w.person_id"
        " FROM journeys_wait w JOIN customers_eventname n ON n.id = w.name_id"
        " LEFT JOIN journeys_outbox o ON o.id = w.ref"
    )
    told = set()
    for participant, run in zip(play.ids, play.world.runs, strict=True):
        person = run.person.number
        for name, about in run.listens:
            told.add((participant, name, about[1], about[2], True, person))
        for name, about, *_ in run.missed:
            told.add((participant, name, about[1], about[2], False, person))
    assert set(found) == told
    assert len(found) == sum(len(r.listens) + len(r.missed) for r in play.world.runs)

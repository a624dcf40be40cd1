"""The only writer of participants, transitions, waits and outbox rows of the engine."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from csplatform.kit import sql
from csplatform.kit.jobs import wake_on_commit
from journeys.channels import lanes_of
from journeys.engine.endings import TAKEN_OUT, taken_out
from journeys.engine.names import event_name_ids
from journeys.engine.runs import Run
from journeys.engine.telling import tell_runs
from journeys.models.participant import Lane, Phase

# Rows travel as one JSON parameter: the driver formats arrays value by value in Python, which took
# half of a batch's time.
POSITION = (
    "id bigint, step_id bigint, phase text, due_at timestamptz, limit_at timestamptz,"
    " remaining interval, state text, lane smallint, refs jsonb, step_since timestamptz,"
    " ended_at timestamptz, end_reason text, goal_at timestamptz, wait_local text,"
    " wait_zone text, visit int"
)
TRANSITION = (
    "participant_id bigint, program_id bigint, version_id bigint, amendment int, step_id bigint,"
    " to_step_id bigint, visit int, kind text, exit text, evidence jsonb"
)
WAIT = (
    "participant_id bigint, name_id int, person_id bigint, company_id bigint, ref bigint,"
    " step_id bigint, visit int"
)
OUTBOX = (
    "id bigint, participant_id bigint, program_id bigint, step_id bigint, step_key text,"
    " visit int, slot text, channel text, person_id bigint, company_id bigint, payload jsonb"
)


PART = (
    "participant_id bigint, program_id bigint, step_id bigint, step_key text, visit int, slot text,"
    " channel text, person_id bigint, user_id bigint, address text, ref bigint, refused text"
)


def _names(columns: str) -> str:
    """Column names of a definition list."""
    return ", ".join(part.split()[0] for part in columns.split(","))


def _json(rows: Iterable[dict[str, Any]]) -> str:
    """Rows for json_to_recordset; moments and spans as text that PostgreSQL reads."""
    return json.dumps(list(rows), default=str)


def write(runs: Sequence[Run], now: datetime) -> None:
    """Write what was decided about a batch: one statement per table, whatever its size."""
    changed = [run for run in runs if run.log or run.moved]
    if not changed:
        return
    _write_positions(changed)
    _write_transitions(changed, now)
    _write_waits(changed, now)
    _write_outbox(changed, now)
    tell_runs(changed)
    taken_out([run.traveller.id for run in changed if run.over and run.state in TAKEN_OUT], now)
    _write_parts(changed, now)


def _position(run: Run) -> dict[str, Any]:
    t = run.traveller
    # Once it waits, a mass enrolment is over for this participant: it counts as live.
    settled = run.lane == Lane.BULK and t.phase == Phase.WAITING
    return {
        "id": t.id,
        "step_id": run.step.id if run.step else None,
        "phase": t.phase,
        "due_at": run.due_at,
        "limit_at": t.limit_at,
        "remaining": None if run.remaining is None else f"{run.remaining.total_seconds()} s",
        "state": run.state,
        "lane": Lane.LIVE if settled else run.lane,
        "refs": t.refs,
        "step_since": t.step_since,
        "ended_at": run.ended_at,
        "end_reason": run.end_reason,
        "goal_at": run.goal_at,
        "wait_local": run.wait_local,
        "wait_zone": run.wait_zone,
        "visit": t.visit,
    }


def _write_positions(runs: Sequence[Run]) -> None:
    names = _names(POSITION).split(", ")[1:]
    sql.run(
        f"UPDATE journeys_participant p SET {', '.join(f'{n} = u.{n}' for n in names)}, deaths = 0"
        f" FROM json_to_recordset(%s) AS u ({POSITION}) WHERE p.id = u.id",
        [_json(_position(run) for run in runs)],
    )


def _write_transitions(runs: Sequence[Run], now: datetime) -> None:
    rows = [
        {
            "participant_id": run.traveller.id,
            "program_id": run.traveller.program_id,
            "version_id": run.traveller.version_id,
            "amendment": run.version.amendment,
            "step_id": entry.step_id,
            "to_step_id": entry.to_step_id,
            "visit": run.traveller.visit,
            "kind": entry.kind,
            "exit": entry.exit[:40],
            "evidence": entry.evidence,
        }
        for run in runs
        for entry in run.log
    ]
    names = _names(TRANSITION)
    sql.run(
        f"INSERT INTO journeys_transition ({names}, occurred_at, recorded_at)"
        f" SELECT {names}, %s, clock_timestamp() FROM json_to_recordset(%s) AS u ({TRANSITION})",
        [now, _json(rows)],
    )


def _write_waits(runs: Sequence[Run], now: datetime) -> None:
    """Drop the waits of everybody who moved, or close what a limit decided; write the new ones."""
    moved = [run for run in runs if run.had_waits and run.moved]
    expired = [run.traveller.id for run in moved if run.expired]
    if expired:
        _drop_heard([run for run in moved if run.expired and run.heard])
        sql.run(
            "UPDATE journeys_wait SET closed_at = %s"
            " WHERE participant_id = ANY(%s) AND closed_at IS NULL",
            [now, expired],
        )
    done = [run.traveller.id for run in moved if not run.expired]
    if done:
        sql.run(
            "DELETE FROM journeys_wait WHERE participant_id = ANY(%s) AND closed_at IS NULL", [done]
        )
    listening = [run for run in runs if (run.listens or run.listens_people) and not run.over]
    if not listening:
        return
    ids = event_name_ids({name for run in listening for name, *_ in _listens(run)})
    rows = [
        {
            "participant_id": run.traveller.id,
            "name_id": ids[name],
            "person_id": person,
            "company_id": company,
            "ref": ref,
            "step_id": run.step.id if run.step else None,
            "visit": run.traveller.visit,
        }
        for run in listening
        for name, ref, person, company in _listens(run)
    ]
    sql.run(
        f"INSERT INTO journeys_wait ({_names(WAIT)})"
        f" SELECT * FROM json_to_recordset(%s) AS u ({WAIT}) ON CONFLICT DO NOTHING",
        [_json(rows)],
    )


def _listens(run: Run) -> Iterator[tuple[str, int, int | None, int | None]]:
    """(event name, ref, person, company) of all that a run listens to: each addressed person has a
    row of their own."""
    t = run.traveller
    yield from ((name, ref, t.person_id, t.company_id) for name, ref in run.listens)
    yield from ((name, ref, person, None) for name, ref, person in run.listens_people)


def _drop_heard(runs: Sequence[Run]) -> None:
    """What a limit's decision knew to have happened cannot come too late for it."""
    if not runs:
        return
    ids = event_name_ids({name for run in runs for name, _ in run.heard})
    rows = [
        {"participant_id": run.traveller.id, "name_id": ids[name], "ref": ref}
        for run in runs
        for name, ref in run.heard
    ]
    sql.run(
        "DELETE FROM journeys_wait w USING json_to_recordset(%s)"
        " AS u (participant_id bigint, name_id int, ref bigint)"
        " WHERE w.participant_id = u.participant_id AND w.name_id = u.name_id AND w.ref = u.ref"
        " AND w.closed_at IS NULL",
        [_json(rows)],
    )


def _write_outbox(runs: Sequence[Run], now: datetime) -> None:
    rows = [
        {
            "id": send.outbox_id,
            "participant_id": run.traveller.id,
            "program_id": run.traveller.program_id,
            "step_id": send.step.id,
            "step_key": send.step.key,
            "visit": run.traveller.visit,
            "slot": send.effect.slot,
            "channel": send.effect.channel,
            "person_id": send.effect.person_id,
            "company_id": send.effect.company_id or run.traveller.at_company_id,
            "payload": dict(send.effect.payload),
        }
        for run in runs
        for send in run.sends
    ]
    if not rows:
        return
    names = _names(OUTBOX)
    sql.run(
        f"INSERT INTO journeys_outbox ({names}, state, due_at, attempts, error, to_address,"
        " subject, message_id, created_at)"
        f" SELECT {names}, 'pending', %s, 0, '', '', '', '', %s"
        f" FROM json_to_recordset(%s) AS u ({OUTBOX}) ORDER BY id ON CONFLICT DO NOTHING",
        [now, now, _json(rows)],
    )
    for lane in lanes_of(send.effect.channel for run in runs for send in run.sends):
        wake_on_commit(lane)


def _write_parts(runs: Sequence[Run], now: datetime) -> None:
    rows = [
        {
            "participant_id": run.traveller.id,
            "program_id": run.traveller.program_id,
            "step_id": step.id,
            "step_key": step.key,
            "visit": run.traveller.visit,
            "slot": one.slot,
            "channel": one.channel,
            "person_id": one.person_id,
            "user_id": one.user_id,
            # of a person it is looked up when it is needed
            "address": "" if one.person_id or one.user_id else one.address,
            "ref": one.ref,
            "refused": one.refused[:200],
        }
        for run in runs
        for step, one in run.parts
    ]
    if rows:
        names = _names(PART)
        sql.run(
            f"INSERT INTO journeys_part ({names}, created_at) SELECT {names}, %s"
            f" FROM json_to_recordset(%s) AS u ({PART}) ON CONFLICT DO NOTHING",
            [now, _json(rows)],
        )

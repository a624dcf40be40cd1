"""The only writer of participants, transitions, waits and outbox rows of the engine."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from csplatform.kit import sql
from csplatform.kit.jobs import wake_on_commit
from journeys.engine.names import event_name_ids
from journeys.engine.runs import Run
from journeys.models.participant import Lane, Phase


def write(runs: Sequence[Run], now: datetime) -> None:
    """Write what was decided about a batch: one statement per table, whatever its size."""
    changed = [run for run in runs if run.log or run.moved]
    if not changed:
        return
    _write_positions(changed)
    _write_transitions(changed, now)
    _write_waits(changed)
    _write_outbox(changed, now)


def _write_positions(runs: Sequence[Run]) -> None:
    columns: list[list[Any]] = [[] for _ in range(16)]
    for run in runs:
        t = run.traveller
        # Once it waits, a mass enrolment is over for this participant: it counts as live.
        settled = run.lane == Lane.BULK and t.phase == Phase.WAITING
        values = (
            t.id, run.step.id if run.step else None, t.phase, run.due_at, t.limit_at,
            run.remaining, run.state, Lane.LIVE if settled else run.lane, json.dumps(t.refs),
            t.step_since, run.ended_at, run.end_reason, run.goal_at, run.wait_local,
            run.wait_zone, t.visit,
        )  # fmt: skip
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    sql.run(
        "UPDATE journeys_participant p SET step_id = u.step_id, phase = u.phase,"
        " due_at = u.due_at, limit_at = u.limit_at, remaining = u.remaining, state = u.state,"
        " lane = u.lane, refs = u.refs::jsonb, step_since = u.step_since, ended_at = u.ended_at,"
        " end_reason = u.end_reason, goal_at = u.goal_at, wait_local = u.wait_local,"
        " wait_zone = u.wait_zone, visit = u.visit, deaths = 0"
        " FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::timestamptz[],"
        " %s::timestamptz[], %s::interval[], %s::text[], %s::smallint[], %s::text[],"
        " %s::timestamptz[], %s::timestamptz[], %s::text[], %s::timestamptz[], %s::text[],"
        " %s::text[], %s::int[]) AS u (id, step_id, phase, due_at, limit_at, remaining, state,"
        " lane, refs, step_since, ended_at, end_reason, goal_at, wait_local, wait_zone, visit)"
        " WHERE p.id = u.id",
        columns,
    )


def _write_transitions(runs: Sequence[Run], now: datetime) -> None:
    columns: list[list[Any]] = [[] for _ in range(10)]
    for run in runs:
        t = run.traveller
        for entry in run.log:
            values = (
                t.id, t.program_id, t.version_id, run.version.amendment, entry.step_id,
                entry.to_step_id, t.visit, entry.kind, entry.exit[:40],
                json.dumps(entry.evidence, default=str),
            )  # fmt: skip
            for column, value in zip(columns, values, strict=True):
                column.append(value)
    sql.run(
        "INSERT INTO journeys_transition (participant_id, program_id, version_id, amendment,"
        " step_id, to_step_id, visit, kind, exit, evidence, occurred_at, recorded_at)"
        " SELECT u.a, u.b, u.c, u.d, u.e, u.f, u.g, u.h, u.i, u.j::jsonb, %s, clock_timestamp()"
        " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::int[], %s::bigint[],"
        " %s::bigint[], %s::int[], %s::text[], %s::text[], %s::text[])"
        " AS u (a, b, c, d, e, f, g, h, i, j)",
        [now, *columns],
    )


def _write_waits(runs: Sequence[Run]) -> None:
    """Drop the waits of everybody who moved, then write the new ones."""
    done = [run.traveller.id for run in runs if run.had_waits and run.moved]
    if done:
        sql.run("DELETE FROM journeys_wait WHERE participant_id = ANY(%s)", [done])
    listening = [run for run in runs if run.listens and not run.over]
    if not listening:
        return
    ids = event_name_ids({name for run in listening for name, _ in run.listens})
    rows = [
        (run.traveller.id, ids[name], run.traveller.person_id, run.traveller.company_id, ref)
        for run in listening
        for name, ref in run.listens
    ]
    sql.run(
        "INSERT INTO journeys_wait (participant_id, name_id, person_id, company_id, ref)"
        " SELECT * FROM unnest(%s::bigint[], %s::int[], %s::bigint[], %s::bigint[], %s::bigint[])"
        " ON CONFLICT DO NOTHING",
        [list(column) for column in zip(*rows, strict=True)],
    )


def _write_outbox(runs: Sequence[Run], now: datetime) -> None:
    rows = [
        (
            send.outbox_id, run.traveller.id, run.traveller.program_id, send.step.id,
            send.step.key, run.traveller.visit, send.effect.slot, send.effect.channel,
            send.effect.person_id, send.effect.company_id or run.traveller.at_company_id,
            json.dumps(dict(send.effect.payload)),
        )
        for run in runs
        for send in run.sends
    ]  # fmt: skip
    if not rows:
        return
    sql.run(
        "INSERT INTO journeys_outbox (id, participant_id, program_id, step_id, step_key, visit,"
        " slot, channel, person_id, company_id, payload, state, due_at, attempts, error,"
        " to_address, subject, message_id, created_at)"
        " SELECT u.id, u.a, u.b, u.c, u.d, u.e, u.f, u.g, u.h, u.i, u.j::jsonb, 'pending', %s,"
        " 0, '', '', '', '', %s"
        " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[],"
        " %s::int[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::text[])"
        " AS u (id, a, b, c, d, e, f, g, h, i, j) ORDER BY u.id ON CONFLICT DO NOTHING",
        [now, now, *[list(column) for column in zip(*rows, strict=True)]],
    )
    wake_on_commit("outbox")

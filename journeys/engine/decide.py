"""Decisions about a batch in hand: goals and exits first, then step by step in groups."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from django.db import DatabaseError, transaction

from csplatform.kit import sql
from csplatform.kit.jobs import NOBODYS_FAULT
from csplatform.rules.tree import Node
from csplatform.rules.words import in_words
from journeys.engine.runs import Run, Sending
from journeys.engine.versions import CompiledVersion
from journeys.models.participant import Phase
from journeys.steps.kind import StepBatch, StepView
from journeys.steps.matching import who_matches
from journeys.steps.outcome import Fail, Go, Leave, Outcome, Stay, WaitFor, WaitUntil

log = logging.getLogger(__name__)


class StepError(Exception):
    """A step kind broke its contract."""


def decide(runs: Sequence[Run], now: datetime) -> None:
    """Advance every run as far as it goes at once; nothing is written here but by step kinds."""
    check_goals(runs, now)
    waiting: dict[tuple[int, str, bool], list[Run]] = defaultdict(list)
    for run in runs:
        _line_up(run, waiting)
    while waiting:
        (_, _, fresh), group = waiting.popitem()
        outcomes = _ask(group, fresh, now)
        _draw_outbox_ids(group, outcomes)
        for run in group:
            _apply(run, outcomes[run.traveller.id], now)
            _line_up(run, waiting)
    _let_go([run for run in runs if run.leaving and not run.over], now)


def _line_up(run: Run, waiting: dict[tuple[int, str, bool], list[Run]]) -> None:
    """Put a run into the group of its step, or have it leave when there is no step left."""
    if run.over or run.leaving or (run.moved and not run.fresh):
        return
    if run.step is None:
        run.leaving = ("completed", "watched" if run.control else "end", {})
        return
    waiting[run.version.id, run.step.key, run.fresh].append(run)


# --- goals and exits ------------------------------------------------------------------------


def check_goals(runs: Sequence[Run], now: datetime) -> None:
    """Tag goals and end runs by exit rules: one query per rule and version."""
    by_version: dict[int, list[Run]] = defaultdict(list)
    for run in runs:
        if run.version.goal is not None or run.version.exit_rules:
            by_version[run.version.id].append(run)
    for group in by_version.values():
        _check_exit_rules(group[0].version, group, now)
        _check_goal(group[0].version, [run for run in group if not run.over], now)


def _check_exit_rules(version: CompiledVersion, runs: list[Run], now: datetime) -> None:
    for rule in version.exit_rules:
        left = [run for run in runs if not run.over and (run.member or not rule.members)]
        if not left:
            continue
        hits = _hits(rule.rule, version, left, now)
        for run in left:
            if run.traveller.id in hits:
                evidence = {"rule": in_words(rule.rule, version.subject)}
                run.end("unenrolled", rule.name, now, "leave", evidence)


def _check_goal(version: CompiledVersion, runs: list[Run], now: datetime) -> None:
    open_runs = [run for run in runs if run.goal_at is None]
    if version.goal is None or not open_runs:
        return
    hits = _hits(version.goal, version, open_runs, now)
    for run in open_runs:
        if run.traveller.id in hits:
            run.goal_at = now
            evidence = {"rule": in_words(version.goal, version.subject)}
            run.note("goal", run.step, "", evidence)
            if version.goal_exits:
                run.end("completed", "goal", now, "leave", evidence)


def _let_go(runs: list[Run], now: datetime) -> None:
    """End those who have come to an end, after a look whether what their last steps wrote has
    reached the goal."""
    by_version: dict[int, list[Run]] = defaultdict(list)
    for run in runs:
        if run.version.goal is not None and run.version.writes_subjects:
            by_version[run.version.id].append(run)
    for group in by_version.values():
        done = [run for run in group if run.leaving and run.leaving[0] == "completed"]
        _check_goal(group[0].version, done, now)
    for run in runs:
        if run.leaving and not run.over:
            state, reason, evidence = run.leaving
            run.end(state, reason, now, "leave", evidence)


def _hits(rule: Node, version: CompiledVersion, runs: Sequence[Run], now: datetime) -> set[int]:
    return who_matches(rule, version.subject, (run.traveller for run in runs), now)


# --- one step -------------------------------------------------------------------------------


def _ask(group: list[Run], fresh: bool, now: datetime) -> dict[int, Outcome]:
    """The outcomes of a group; on an error it is halved until the culprit stands alone."""
    step = group[0].step
    assert step is not None
    try:
        with transaction.atomic():
            return _ask_kind(step, group, fresh, now)
    except NOBODYS_FAULT:
        raise  # a lost connection or deadlock is nobody's fault: the whole batch runs again
    except Exception as error:
        if isinstance(error, DatabaseError) and sql_is_gone():
            raise
        if len(group) == 1:
            log.exception(
                "step failed", extra={"step": step.id, "participant": group[0].traveller.id}
            )
            reason = str(error) or type(error).__name__
            return {group[0].traveller.id: Fail(reason[:500], {"error": type(error).__name__})}
    half = len(group) // 2
    return _ask(group[:half], fresh, now) | _ask(group[half:], fresh, now)


def sql_is_gone() -> bool:
    """Whether the transaction itself is lost, so that savepoints cannot save it."""
    try:
        sql.one("SELECT 1")
    except DatabaseError:
        return True
    return False


def _ask_kind(step: StepView, group: list[Run], fresh: bool, now: datetime) -> dict[int, Outcome]:
    version = group[0].version
    travellers = [run.traveller for run in group]
    batch = StepBatch(step, version.subject, travellers, now, version.steps)
    outcomes = step.kind.run(batch) if fresh else step.kind.resume(batch)
    for run in group:
        outcome = outcomes.get(run.traveller.id)
        if outcome is None:
            raise StepError(f"“{step.kind.label}” gave no answer")
        if isinstance(outcome, Go) and (step.key, outcome.exit) not in version.follows:
            raise StepError(f"“{step.kind.label}” has no exit {outcome.exit!r}")
    return outcomes


def _draw_outbox_ids(group: list[Run], outcomes: dict[int, Outcome]) -> None:
    """Ids for all effects of a group in one query, so that waits can name them at once."""
    sending = [
        (run, effect)
        for run in group
        if isinstance(outcome := outcomes[run.traveller.id], Go)
        for effect in outcome.effects
    ]
    ids = sql.next_ids("journeys_outbox_id_seq", len(sending))
    for (run, effect), outbox_id in zip(sending, ids, strict=True):
        assert run.step is not None
        run.sends.append(Sending(outbox_id, run.step, effect))
        if effect is outcomes[run.traveller.id].effects[0]:  # type: ignore[union-attr]
            run.traveller.refs = {**run.traveller.refs, run.step.key: outbox_id}


def _apply(run: Run, outcome: Outcome, now: datetime) -> None:
    """Change the run in memory as its step decided."""
    match outcome:
        case Go():
            _go(run, outcome, now)
        case WaitUntil():
            _wait_until(run, outcome, now)
        case WaitFor():
            _wait_for(run, outcome, now)
        case Stay():
            run.traveller.phase, run.due_at = Phase.WAITING, run.traveller.limit_at
            run.moved, run.fresh = True, False
            run.had_waits = False  # they stay
            _freeze(run, now)
        case Leave():
            run.leaving = (outcome.state, outcome.reason, dict(outcome.evidence))
        case Fail():
            run.end("failed", outcome.reason, now, "fail", dict(outcome.evidence))


def _go(run: Run, outcome: Go, now: datetime) -> None:
    assert run.step is not None
    t = run.traveller
    follower = run.version.follows[run.step.key, outcome.exit]
    target = run.version.steps[follower] if follower else None
    evidence = dict(outcome.evidence)
    if outcome.addressed:
        _address(run, outcome)
    if outcome.ref is not None:
        t.refs = {**t.refs, run.step.key: outcome.ref}
    if run.step.key in t.refs:
        evidence["ref"] = t.refs[run.step.key]
    if outcome.expired:
        run.expired, run.heard = True, outcome.heard
    run.note("go", target, outcome.exit, evidence)
    run.step, run.fresh, run.moved = target, True, True
    run.listens_people = ()
    run.listens, run.due_at, run.wait_local, run.wait_zone = (), now, "", ""
    t.phase, t.step_since, t.limit_at = Phase.RUN, now, None


def _address(run: Run, outcome: Go) -> None:
    """Note whom the step addressed, each with the message that it sent them."""
    assert run.step is not None
    key = run.step.key
    sent = {s.effect.slot: s.outbox_id for s in run.sends if s.step.id == run.step.id}
    parts = tuple(
        one if one.refused or one.ref is not None else replace(one, ref=sent[one.slot])
        for one in outcome.addressed
    )
    run.parts += [(run.step, one) for one in parts]
    run.traveller.parts = {**run.traveller.parts, key: parts}


def _wait_until(run: Run, outcome: WaitUntil, now: datetime) -> None:
    run.note("wait", None, "", {"until": outcome.due_at.isoformat(), **outcome.evidence})
    run.traveller.phase, run.due_at = Phase.WAITING, outcome.due_at
    # A date keeps its meaning over a pause; a span is lengthened by it.
    run.traveller.limit_at = outcome.due_at if outcome.local else None
    run.wait_local, run.wait_zone = outcome.local, outcome.zone
    run.moved, run.fresh = True, False
    _freeze(run, now)


def _wait_for(run: Run, outcome: WaitFor, now: datetime) -> None:
    waits_for = [{"event": name, "ref": ref} for name, ref in outcome.events]
    waits_for += [{"event": e, "ref": r, "person": p} for e, r, p in outcome.of_people]
    evidence = {"until": outcome.until.isoformat(), "waits_for": waits_for, **outcome.evidence}
    run.note("wait", None, "", evidence)
    run.traveller.phase, run.due_at = Phase.ARMING, now
    run.traveller.limit_at, run.listens = outcome.until, outcome.events
    run.listens_people = outcome.of_people
    run.moved, run.fresh = True, False
    _freeze(run, now)


def _freeze(run: Run, now: datetime) -> None:
    """The program is paused: this wait stands still until it is resumed (PRG-45)."""
    if run.frozen:
        # A wait that is being armed is due at once; what is left of it is the way to its limit.
        until = run.traveller.limit_at or run.due_at
        run.remaining = max(until - now, now - now) if until else None
        run.state, run.due_at = "paused", None

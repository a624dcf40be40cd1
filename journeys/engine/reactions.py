"""What the freshness loop tells the engine: entry, waits on facts, goals and exits."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from csplatform.freshness.loop import Touched
from csplatform.freshness.touches import cause_depth
from csplatform.kit import sql
from csplatform.kit.jobs import NOBODYS_FAULT, wake_on_commit
from csplatform.rules.kind import FactKey
from csplatform.rules.reach import affected_ids, key_text, touched_texts
from csplatform.rules.references import fact_keys, time_dependent
from csplatform.rules.tree import Node
from csplatform.segments.models import Member
from journeys.engine.advance import finish
from journeys.engine.candidates import Entry, entry_of
from journeys.engine.decide import check_goals
from journeys.engine.entry import enter
from journeys.engine.flips import flips_key, note_runs
from journeys.engine.held import hold_back
from journeys.engine.lists import brought, counted_at_first
from journeys.engine.runs import lock_rows, lock_where, make_run
from journeys.engine.store import write
from journeys.engine.unenrolling import lock_subjects_of
from journeys.engine.versions import CompiledVersion, load_versions
from journeys.models import Program, ProgramVersion
from journeys.models.program import ProgramState

log = logging.getLogger(__name__)
# More than so many are left to the claim of due participants.
AT_ONCE = 50


@dataclass(frozen=True)
class Interest:
    """Which facts a version's waits and rules read."""

    waits: tuple[tuple[int, frozenset[FactKey], bool], ...]  # (step id, keys, time alone)
    rules: frozenset[FactKey]


def react(touched: Touched) -> None:
    """The consumer registered with the loop."""
    _enter_members(touched)
    for version in _interested(touched).values():
        interest = _interest(version)
        _wake_waits(version, interest, touched)
        _check_rules(version, interest, touched)


def _interested(touched: Touched) -> dict[int, CompiledVersion]:
    """Versions of running programs that read any of the touched facts."""
    found = sql.rows(
        "SELECT v.id FROM journeys_programversion v JOIN journeys_program g ON g.id = v.program_id"
        " AND g.state = 'active' AND g.quarantine = ''"
        " WHERE v.fact_keys && %s::text[] OR v.fact_keys IS NULL",
        [touched_texts(touched)],
    )
    return load_versions(row[0] for row in found) if found else {}


def note_interest(version: CompiledVersion, stored: ProgramVersion) -> None:
    """Write down what a version reads, where the loop looks for it."""
    interest = _interest(version)
    keys = {key for _, wait, _ in interest.waits for key in wait} | interest.rules
    own = (resumed_key(version.program_id), flips_key(version))
    keys |= {FactKey(version.subject, name) for name in own if keys}
    stored.fact_keys = sorted(key_text(key) for key in keys)
    stored.save(update_fields=["fact_keys"])


# --- entry ----------------------------------------------------------------------------------


def _enter_members(touched: Touched) -> None:
    segments = {
        int(key.removeprefix("segment.")): ids
        for key, ids in touched.keys.items()
        if key.startswith("segment.")
    }
    if not segments:
        return
    # Locked, so that a program being stopped, paused or resumed has nobody slip past it.
    programs = (
        Program.objects.select_for_update(of=("self",), no_key=True)
        .filter(
            Q(published__entry_segments__overlap=list(segments))
            | Q(published__entry_segments=None),
            # who comes while entries are off is remembered, as in a pause
            state__in=(ProgramState.ACTIVE, ProgramState.PAUSED, ProgramState.COMPLETED),
            type=touched.subject,
        )
        .select_related("published")
    )
    taking = [(program, entry_of(program.published)) for program in programs.order_by("pk")
              if program.published is not None]  # fmt: skip
    _lock_newcomers(touched.subject, taking, segments)
    for program, entry in taking:
        for segment_id in entry.segments:
            if ids := segments.get(segment_id):
                _take_in(program, entry, segment_id, ids, touched)


def _lock_newcomers(
    subject: str,
    taking: Sequence[tuple[Program, Entry]],
    segments: Mapping[int, frozenset[int]],
) -> None:
    """Where entering takes people out elsewhere, all of them are held at once, in order: program
    by program two loops could wait for each other."""
    held = {
        pk
        for _, entry in taking if entry.leaving.unenrol != "none"
        for segment_id in entry.segments for pk in segments.get(segment_id, ())
    }  # fmt: skip
    if held:
        lock_subjects_of(subject, sorted(held), alone=True)


def _take_in(
    program: Program, entry: Entry, segment_id: int, ids: Iterable[int], touched: Touched
) -> None:
    """Let those in who are members now."""
    assert program.published is not None  # only published programs are asked
    inside = Member.objects.filter(segment_id=segment_id, subject_id__in=ids)
    if not entry.config.include_existing:
        inside = inside.exclude(subject_id__in=counted_at_first(segment_id, ids))
    found = sorted(inside.values_list("subject_id", flat=True))
    newcomers = brought(program, entry, segment_id, found)
    version = load_versions([program.published.pk]).get(program.published.pk)
    cause = {"segment": segment_id}
    if not program.takes_in or version is None:
        hold_back(program, touched.subject, newcomers, now=touched.now, cause=cause)
    else:
        enter(
            program, version, entry, newcomers, now=touched.now, cause=cause,
            depth=cause_depth.get(), joined=True,
        )  # fmt: skip


# --- waits and rules ------------------------------------------------------------------------


def _interest(version: CompiledVersion) -> Interest:
    return _interest_of(version.id, version.amendment, version.meaning)


@lru_cache(maxsize=500)
def _interest_of(version_id: int, amendment: int, meaning: UUID | None) -> Interest:
    version = load_versions([version_id])[version_id]
    waits = tuple(
        (view.id, _keys(nodes, version.subject), _timed(nodes, version.subject))
        for view in version.steps.values()
        if (nodes := view.kind.waits_on(view.config, version.subject))
    )
    nodes = [rule.rule for rule in version.exit_rules]
    if version.goal is not None:
        nodes.append(version.goal)
    return Interest(waits, _keys(nodes, version.subject))


def _keys(nodes: Iterable[Node], subject: str) -> frozenset[FactKey]:
    return frozenset(key for node in nodes for key in fact_keys(node, subject))


def _timed(nodes: Iterable[Node], subject: str) -> bool:
    return any(time_dependent(node, subject) for node in nodes)


def fact_events(version: CompiledVersion) -> set[str]:
    """Names of events that a version's waits and rules read as facts."""
    interest = _interest(version)
    keys = {key.key for _, wait, _ in interest.waits for key in wait}
    keys |= {key.key for key in interest.rules}
    return {key.removeprefix("event.") for key in keys if key.startswith("event.")}


def _wake_waits(version: CompiledVersion, interest: Interest, touched: Touched) -> None:
    """Let waits that read a touched fact look again."""
    by_subjects: dict[frozenset[int], list[int]] = defaultdict(list)
    by_time = _due_flips(version, touched)
    for step_id, keys, timed in interest.waits:
        ids = affected_ids(touched, keys, version.subject) | (by_time if timed else frozenset())
        if ids:
            by_subjects[frozenset(ids)].append(step_id)
    for woken_ids, steps in by_subjects.items():
        _look_again(version, sorted(woken_ids), steps, touched.now)


# Who waits at a step: arming too, as its worker may have looked before the change.
_WAITERS = (
    "p.step_id = ANY(%(steps)s) AND p.{subject}_id = ANY(%(subjects)s) AND p.ended_at IS NULL"
    " AND p.phase IN ('waiting', 'arming')"
)


def _look_again(
    version: CompiledVersion, subjects: list[int], steps: list[int], now: datetime
) -> None:
    """A few are decided at once; many become due. Rows in other hands are waited for."""
    params = {"steps": steps, "subjects": subjects}
    waiters = _WAITERS.replace("{subject}", version.subject)
    # Steps that write subjects lock these first, and a segment's row is locked here already.
    at_once = len(subjects) <= AT_ONCE and not version.writes_subjects
    if at_once and _decide_at_once(version, waiters, params, now):
        return
    woken = sql.run(
        "UPDATE journeys_participant SET due_at = clock_timestamp(), phase = 'arming'"
        f" WHERE id IN (SELECT p.id FROM journeys_participant p WHERE {waiters}"
        "  AND p.state = 'active' ORDER BY p.id FOR UPDATE)",
        params,
    )
    if woken:
        wake_on_commit("live")


def _decide_at_once(
    version: CompiledVersion, waiters: str, params: dict[str, Any], now: datetime
) -> bool:
    """False when it cannot be done: the claim of due participants knows how to find the one that
    cannot be advanced."""
    try:
        with transaction.atomic():
            rows = lock_where(waiters, params, wait=True)
            runs = [run for row in rows if (run := make_run(row, {version.id: version}))]
            finish(runs, now)
    except NOBODYS_FAULT:
        raise
    except Exception:
        log.exception("not decided at once", extra={"steps": params["steps"]})
        return False
    return True


def resumed_key(program_id: int) -> str:
    """Touches of participants whose goals and exits went unwatched during a pause."""
    return f"program.{program_id}"


def _check_rules(version: CompiledVersion, interest: Interest, touched: Touched) -> None:
    """Goals and exits act at once, also in the middle of a month-long wait (PRG-25, 26)."""
    subjects = affected_ids(touched, interest.rules, version.subject)
    subjects |= _due_flips(version, touched)
    if touched.subject == version.subject and interest.rules:
        subjects |= touched.keys.get(resumed_key(version.program_id), frozenset())
    if not subjects:
        return
    ids = [
        row[0]
        for row in sql.rows(
            f"SELECT id FROM journeys_participant WHERE {version.subject}_id = ANY(%s)"
            " AND version_id = %s AND ended_at IS NULL",
            [sorted(subjects), version.id],
        )
    ]
    if not ids:
        return
    # Waits for rows in hand elsewhere: skipping would lose the touch.
    rows = lock_rows(ids, "p.ended_at IS NULL", touched.now, wait=True)
    runs = [run for row in rows if (run := make_run(row, {version.id: version})) is not None]
    check_goals(runs, touched.now)
    write(runs, touched.now)
    note_runs(runs, touched.now)


def _due_flips(version: CompiledVersion, touched: Touched) -> frozenset[int]:
    """Subjects about whom time alone may have changed an answer of this version."""
    if touched.subject != version.subject:
        return frozenset()
    return touched.keys.get(flips_key(version), frozenset())

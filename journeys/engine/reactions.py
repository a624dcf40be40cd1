"""What the freshness loop tells the engine: entry, waits on facts, goals and exits."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from csplatform.freshness.loop import Touched
from csplatform.freshness.touches import cause_depth
from csplatform.kit import sql
from csplatform.kit.jobs import wake_on_commit
from csplatform.rules.kind import FactKey
from csplatform.rules.reach import affected_ids
from csplatform.rules.references import fact_keys, time_dependent
from csplatform.rules.tree import Node
from csplatform.segments.models import Member
from journeys.engine.decide import check_goals
from journeys.engine.entry import enter, entry_config, hold_back
from journeys.engine.flips import flips_key, note_runs
from journeys.engine.runs import lock_rows, make_run
from journeys.engine.store import write
from journeys.engine.versions import CompiledVersion, load_versions
from journeys.models import Program
from journeys.models.program import ProgramState


@dataclass(frozen=True)
class Interest:
    """Which facts a version's waits and rules read."""

    waits: tuple[tuple[int, frozenset[FactKey], bool], ...]  # (step id, keys, time alone)
    rules: frozenset[FactKey]


def react(touched: Touched) -> None:
    """The consumer registered with the loop."""
    _enter_members(touched)
    live = list(
        Program.objects.filter(state=ProgramState.ACTIVE, quarantine="")
        .values_list("published_id", flat=True)
        .order_by("pk")
    )
    running = _running_versions(live)
    for version in running.values():
        interest = _interest(version)
        _wake_waits(version, interest, touched)
        _check_rules(version, interest, touched)


def _running_versions(published: Iterable[int | None]) -> dict[int, CompiledVersion]:
    """Versions that somebody may be in: the published ones and older ones with active runs."""
    older = sql.rows(
        "SELECT DISTINCT v.id FROM journeys_programversion v JOIN journeys_program g"
        " ON g.id = v.program_id AND g.state = 'active' AND g.quarantine = ''"
        " WHERE EXISTS (SELECT 1 FROM journeys_participant p WHERE p.version_id = v.id"
        " AND p.program_id = g.id AND p.state = 'active' AND p.ended_at IS NULL)"
    )
    return load_versions({row[0] for row in older} | {i for i in published if i})


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
            state__in=(ProgramState.ACTIVE, ProgramState.PAUSED),
            accepts_entries=True,
            type=touched.subject,
        )
        .select_related("published")
    )
    for program in programs.order_by("pk"):
        if program.published is None:
            continue
        entry = entry_config(program.published)
        for source in entry.sources:
            ids = segments.get(source.segment)
            if not ids:
                continue
            inside = Member.objects.filter(segment_id=source.segment, subject_id__in=ids)
            version = load_versions([program.published.pk]).get(program.published.pk)
            newcomers = sorted(inside.values_list("subject_id", flat=True))
            if program.state == ProgramState.PAUSED or program.quarantine or version is None:
                hold_back(program, touched.subject, newcomers, now=touched.now)
            else:
                enter(
                    program, version, entry, newcomers, now=touched.now,
                    cause={"segment": source.segment}, depth=cause_depth.get(),
                )  # fmt: skip


# --- waits and rules ------------------------------------------------------------------------


def _interest(version: CompiledVersion) -> Interest:
    return _interest_of(version.id, version.amendment)


@lru_cache(maxsize=500)
def _interest_of(version_id: int, amendment: int) -> Interest:
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
        woken = sql.run(
            "UPDATE journeys_participant SET due_at = clock_timestamp(), phase = 'arming'"
            " WHERE id IN (SELECT id FROM journeys_participant"
            f" WHERE {version.subject}_id = ANY(%s)"
            " AND step_id = ANY(%s) AND ended_at IS NULL AND state = 'active'"
            # arming too: its worker may have looked before the change, and is waited for here
            " AND phase IN ('waiting', 'arming') ORDER BY id FOR UPDATE)",
            [sorted(woken_ids), steps],
        )
        if woken:
            wake_on_commit("live")


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

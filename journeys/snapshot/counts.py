"""Figures of a program: who reached, waits at, passed and failed at each step (PRG-60).

Steps are counted by their key, so that figures go on over versions. Two statements, whatever the
size: an aggregate over the transitions' index and one over the participants.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from django.core.cache import cache
from django.urls import reverse

from csplatform.kit import sql
from journeys.flow.cards import Count, Figures
from journeys.models import Program

KEPT_FROM_SECONDS = 0.1
KEPT_TIMES = 20
RECENT_SECONDS = 5


@dataclass(frozen=True)
class StepFigures:
    """Figures of one step.

    Attributes:
        here: are at it now; most of them wait.
        done: went on by one of its exits, also by exit in `exits`.
        left: their run ended here (goal, exit rule, Exit step, removed).
        failed: failed here and were not tried again since.
        moved: a new version took them from here to another step.
    """

    here: int = 0
    done: int = 0
    left: int = 0
    failed: int = 0
    moved: int = 0
    exits: Mapping[str, int] = field(default_factory=dict)

    @property
    def reached(self) -> int:
        """Whoever arrived."""
        return self.here + self.done + self.left + self.failed + self.moved


@dataclass(frozen=True)
class ProgramFigures:
    """Figures of a whole program; `states` by participant state. Held-out runs stand apart."""

    states: Mapping[str, int]
    goals: int
    refused: int
    steps: Mapping[str, StepFigures]
    held_out: int = 0
    held_out_goals: int = 0

    @property
    def entered(self) -> int:
        """All runs ever."""
        return sum(self.states.values())

    @property
    def inside(self) -> int:
        """Runs that have not ended."""
        return self.states.get("active", 0) + self.states.get("paused", 0)

    @property
    def goal_percent(self) -> int:
        """Share of all runs that reached the goal."""
        return round(100 * self.goals / self.entered) if self.entered else 0


def live_figures(program_id: int) -> ProgramFigures:
    """Figures for a page that refreshes itself.

    Those of a large program are kept for some times as long as counting took, so that several
    people who look at it cost no more than a small share of one core.
    """
    key = f"journeys.figures.{program_id}"
    kept = cache.get(key)
    if isinstance(kept, ProgramFigures):
        return kept
    started = time.monotonic()
    found = program_figures(program_id)
    took = time.monotonic() - started
    if took > KEPT_FROM_SECONDS:
        cache.set(key, found, timeout=took * KEPT_TIMES)
    return found


def recent_figures(program_id: int) -> ProgramFigures:
    """Figures of the last seconds: for answers that are asked for with every key that is pressed,
    beside a page that refreshes its figures by itself."""
    key = f"journeys.figures.recent.{program_id}"
    kept = cache.get(key)
    if not isinstance(kept, ProgramFigures):
        kept = live_figures(program_id)
        cache.set(key, kept, timeout=RECENT_SECONDS)
    return kept


def program_figures(program_id: int) -> ProgramFigures:
    """All figures of one program, counted now."""
    totals = program_totals([program_id]).get(program_id, Totals())
    refused = sql.one("SELECT count(*) FROM journeys_refusal WHERE program_id = %s", [program_id])
    return ProgramFigures(
        totals.states, totals.goals, refused or 0, step_figures(program_id),
        *totals.held_out,
    )  # fmt: skip


@dataclass(frozen=True)
class Totals:
    """Runs of one program by state, and how many reached the goal. `held_out`: the same two of
    those that were held out, who count nowhere else."""

    states: Mapping[str, int] = field(default_factory=dict)
    goals: int = 0
    held_out: tuple[int, int] = (0, 0)

    @property
    def entered(self) -> int:
        """All runs ever."""
        return sum(self.states.values())

    @property
    def inside(self) -> int:
        """Runs that have not ended."""
        return self.states.get("active", 0) + self.states.get("paused", 0)


def program_totals(program_ids: list[int]) -> dict[int, Totals]:
    """Totals of several programs, in one query: the program list."""
    rows = sql.rows(
        "SELECT program_id, state, count(*) FILTER (WHERE control = ''),"
        " count(goal_at) FILTER (WHERE control = ''), count(*) FILTER (WHERE control <> ''),"
        " count(goal_at) FILTER (WHERE control <> '') FROM journeys_participant"
        " WHERE program_id = ANY(%s) GROUP BY 1, 2",
        [program_ids],
    )
    states: dict[int, dict[str, int]] = {}
    sums: dict[int, tuple[int, int, int]] = {}
    for program_id, state, count, *more in rows:
        found = states.setdefault(program_id, {})
        if count:
            found[state] = count
        goals, held, held_goals = sums.get(program_id, (0, 0, 0))
        sums[program_id] = (goals + more[0], held + more[1], held_goals + more[2])
    return {
        pk: Totals(found, sums[pk][0], (sums[pk][1], sums[pk][2])) for pk, found in states.items()
    }


def step_figures(program_id: int) -> dict[str, StepFigures]:
    """Figures by step key, over all versions."""
    moves = sql.rows(
        "SELECT s.key, t.kind, t.exit, sum(t.n)::bigint FROM"
        " (SELECT step_id, kind, exit, count(*) AS n FROM journeys_transition"
        "  WHERE program_id = %s AND kind IN ('go', 'leave', 'fail', 'retry', 'move')"
        "  AND step_id IS NOT NULL GROUP BY 1, 2, 3) t"
        " JOIN journeys_step s ON s.id = t.step_id GROUP BY 1, 2, 3",
        [program_id],
    )
    here = sql.rows(
        "SELECT s.key, sum(p.n)::bigint FROM"
        " (SELECT step_id, count(*) AS n FROM journeys_participant"
        "  WHERE program_id = %s AND ended_at IS NULL AND step_id IS NOT NULL GROUP BY 1) p"
        " JOIN journeys_step s ON s.id = p.step_id GROUP BY 1",
        [program_id],
    )
    found: dict[str, dict[str, int]] = {}
    exits: dict[str, dict[str, int]] = {}
    for key, kind, exit_key, number in moves:
        if kind == "move" and not exit_key:
            continue  # to the same step of another version: still here
        kinds = found.setdefault(key, {})
        kinds[kind] = kinds.get(kind, 0) + number
        if kind == "go":
            exits.setdefault(key, {})[exit_key] = number
    for key, number in here:
        found.setdefault(key, {})["here"] = number
    return {
        key: StepFigures(
            here=kinds.get("here", 0),
            done=kinds.get("go", 0),
            left=kinds.get("leave", 0),
            failed=max(kinds.get("fail", 0) - kinds.get("retry", 0), 0),
            moved=kinds.get("move", 0),
            exits=exits.get(key, {}),
        )
        for key, kinds in found.items()
    }


def figures_of(program: Program, found: ProgramFigures) -> Figures:
    """Figures as the cards show them, each with the way to who is behind it."""
    entry = [Count("entered", found.entered, people_url(program))]
    if found.inside:
        entry.append(Count("in progress", found.inside, people_url(program, state="running")))
    if found.refused:
        url = reverse("admin:journeys_program_refused", args=[program.pk])
        entry.append(Count("refused", found.refused, url, "warn"))
    if found.held_out:
        url = reverse("admin:journeys_program_control", args=[program.pk])
        entry.append(Count("held out", found.held_out, url))
    goal: tuple[Count, ...] = ()
    if found.goals:
        label = f"reached it ({found.goal_percent} %)"
        goal = (Count(label, found.goals, people_url(program, goal="1"), "good"),)
    steps = {key: _step_counts(program, key, one) for key, one in found.steps.items()}
    exits = {
        (key, exit_key): Count(
            "", number, people_url(program, step=key, what="done", exit=exit_key)
        )
        for key, one in found.steps.items()
        for exit_key, number in one.exits.items()
    }
    return Figures(tuple(entry), goal, steps, exits)


def _step_counts(program: Program, key: str, found: StepFigures) -> tuple[Count, ...]:
    """The figures of a step; what nobody did is not told."""
    rows = (
        ("reached", found.reached, "reached", ""),
        ("waiting", found.here, "here", "info"),
        ("done", found.done, "done", "good"),
        ("left here", found.left, "left", ""),
        ("failed", found.failed, "failed", "error"),
        ("moved on", found.moved, "moved", ""),
    )
    return tuple(
        Count(label, number, people_url(program, step=key, what=what), tone)
        for label, number, what, tone in rows
        if number
    )


def people_url(program: Program, **filters: str) -> str:
    """The list of participants behind a figure."""
    url = reverse("admin:journeys_program_participants", args=[program.pk])
    return f"{url}?{urlencode(filters)}" if filters else url

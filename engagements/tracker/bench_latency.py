"""Benchmark of freshness: from an event or change to what it moves, as its users would see it.

Real processes: requests go over HTTP, workers are woken through Redis, and the end is the moment
at which another connection sees the participant moved.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from statistics import quantiles
from typing import Any

from csplatform.customers import bench_world
from csplatform.customers.operations.attributes import patch_attributes
from csplatform.kit import sql
from csplatform.kit.bench import until
from csplatform.segments.models import Segment
from csplatform.segments.operations.definition import SegmentInput, delete_segment, save_segment
from csplatform.segments.operations.membership import add_members
from engagements.tracker.bench_site import Client, awake, bench_people, site, source
from journeys.bench import ENDS_WITH_0, enter_all, program, step
from journeys.models import EntryScan, Participant, Program

SAMPLES = 200
SIGNAL = {"test": "event", "name": "bench_signal", "operator": "at_least", "count": 1}
WON = {"test": "attribute", "name": "persona", "operator": "equals", "value": "Won"}
HALF = {"test": "attribute", "name": "role", "operator": "in", "value": ["Admin", "Owner"]}


def latency(size: int) -> Iterator[dict[str, Any]]:
    """Idle; while `size` people enrol and a segment over ten times as many is computed; and from a
    changed attribute to the goal with `size` participants waiting."""
    samples = min(SAMPLES, max(size // 10, 10))
    with ExitStack() as stack:
        world = bench_world.build(size * 10, 0, 0)
        people = stack.enter_context(bench_people(samples * 2))
        stack.enter_context(awake())
        url = stack.enter_context(site("worker-bulk"))
        key = stack.enter_context(source())
        ids = list(people)
        waiting = stack.enter_context(program(_wait(), step("exit", "exit")))
        clients = _visitors(url, key, people)
        enter_all(waiting, ids)
        _all_wait(waiting)
        yield {"case": "event to next step, idle", **_post(waiting, clients, ids[:samples])}
        with _busy(world, size) as still_busy:
            found = _post(waiting, clients, ids[samples:], still_busy)
        yield {"case": "event to next step, busy", **found}
        timer = step("wait_timer", "timer", amount=30, unit="days")
        goal = stack.enter_context(program(timer, goal=WON, goal_exits=False))
        enter_all(goal, list(range(world.low + 1, world.low + size + 1)))
        _all_wait(goal)
        yield {"case": "change to goal", **_change(goal, world, samples)}


def _wait() -> dict[str, Any]:
    conditions = [{"type": "rule", "rule": SIGNAL}]
    return step("conditional_wait", "wait", "met", "not_met", conditions=conditions)


def _visitors(url: str, key: str, people: dict[int, str]) -> dict[int, Client]:
    """A signed-in browser per person."""
    found = {}
    for person, user_id in people.items():
        client = Client(url, key)
        client.post(("identify", {"user_id": user_id}))
        client.connection.close()
        found[person] = client
    return found


def _all_wait(made: Program) -> None:
    until(lambda: not made.participants.exclude(phase="waiting").exists(), seconds=600)


def _post(
    made: Program,
    clients: dict[int, Client],
    people: Sequence[int],
    while_: Callable[[], bool] = lambda: True,
) -> dict[str, Any]:
    """From the POST of an event to the participant's end."""
    runs = dict(made.participants.values_list("person_id", "pk"))
    spans = []
    for person in people:
        if not while_():
            break
        client = clients[person]
        client.post(("track", {"name": "bench_other", "properties": {}}))  # connects
        time.sleep(0.02)
        ended = "SELECT ended_at IS NOT NULL FROM journeys_participant WHERE id = %s"
        began = time.perf_counter()
        client.post(("track", {"name": "bench_signal", "properties": {}}))
        _see(ended, runs[person])
        spans.append(time.perf_counter() - began)
        client.connection.close()
    return _figures(spans)


def _change(made: Program, world: bench_world.BenchWorld, samples: int) -> dict[str, Any]:
    """From a changed attribute to the tag."""
    runs = dict(made.participants.values_list("person_id", "pk")[: samples * 3])
    spans = []
    for person, run in sorted(runs.items())[:samples]:
        began = time.perf_counter()
        patch_attributes("person", {person: {"persona": "Won"}}, cause={"how": "bench"})
        _see("SELECT goal_at IS NOT NULL FROM journeys_participant WHERE id = %s", run)
        spans.append(time.perf_counter() - began)
    return _figures(spans)


def _see(question: str, run: int) -> None:
    until(lambda: bool(sql.one(question, [run])), pause=0.001)


def _figures(spans: list[float]) -> dict[str, Any]:
    if len(spans) < 2:
        raise RuntimeError("the background work was over before anything could be measured")
    cuts = quantiles([span * 1000 for span in spans], n=20, method="inclusive")
    return {
        "seconds": round(sum(spans), 3),
        "rate": round(len(spans) / sum(spans)),
        "samples": len(spans),
        "p50_ms": round(cuts[9], 1),
        "p95_ms": round(cuts[18], 1),
        "max_ms": round(max(spans) * 1000, 1),
    }


def _delete(made: list[Segment]) -> None:
    for segment in made:
        delete_segment(segment.pk, actor=None)


@contextmanager
def _busy(world: bench_world.BenchWorld, size: int) -> Iterator[Callable[[], bool]]:
    """`size` people being taken into a program, and everybody being asked for a segment; yields
    whether that still goes on."""
    made: list[Segment] = []
    with ExitStack() as stack:
        stack.callback(_delete, made)
        listed = save_segment(SegmentInput("Benchmark: list", kind="static"), actor=None)
        made.append(listed)
        add_members(listed.pk, range(world.low + 1, world.low + size + 1), actor=None)
        sql.run("DELETE FROM freshness_touch", [])
        paths = [{"key": "yes", "label": "Yes", "rule": ENDS_WITH_0}]
        entering = stack.enter_context(
            program(
                step("if_else", "branch", "yes", "else", paths=paths),
                step("exit", "exit"),
                entry={"sources": [{"kind": "segment", "segment": listed.pk}]},
            )
        )
        half = save_segment(SegmentInput("Benchmark: half", rule=HALF), actor=None)
        made.append(half)

        def still_busy() -> bool:
            half.refresh_from_db()
            inside = Participant.objects.filter(program=entering, ended_at=None).exists()
            scanning = EntryScan.objects.filter(program=entering, done_at=None).exists()
            return scanning or inside or half.state != "ready"

        yield still_busy
        until(lambda: not still_busy(), seconds=600)
        until(lambda: not sql.one("SELECT EXISTS (SELECT 1 FROM freshness_touch)"), seconds=600)

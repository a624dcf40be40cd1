"""The shape of a flow, and what follows what. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class FlowStep:
    """One step. `exits` holds a sequence per exit for branching kinds, else it is empty."""

    key: str
    kind: str
    name: str
    config: Mapping[str, Any]
    exits: Mapping[str, tuple["FlowStep", ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Flow:
    """A whole program: how one gets in, what happens, when one is out, what it works out.

    `entry`, `leaving` and `control` are settings of flow.entry's EntryConfig, LeavingConfig and
    ControlConfig; `fields` are calculated ones.
    """

    entry: Mapping[str, Any]
    steps: tuple[FlowStep, ...]
    goal: Mapping[str, Any] | None = None
    goal_exits: bool = True
    exit_rules: tuple[Mapping[str, Any], ...] = ()
    leaving: Mapping[str, Any] = field(default_factory=dict)
    control: Mapping[str, Any] = field(default_factory=dict)
    fields: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Place:
    """Where a step stands.

    Attributes:
        path: JSON path, e.g. "/steps/2/exits/met/0".
        parent_key, parent_exit: the branch that owns its sequence; "" at the top.
        before: keys of all steps that every traveller passed on the way here, nearest first.
    """

    step: FlowStep
    path: str
    parent_key: str
    parent_exit: str
    position: int
    before: tuple[str, ...]


def walk(flow: Flow) -> Iterator[Place]:
    """All steps in reading order, with their places."""
    yield from _walk(flow.steps, "/steps", "", "", ())


def _walk(
    sequence: tuple[FlowStep, ...], path: str, parent: str, exit_key: str, before: tuple[str, ...]
) -> Iterator[Place]:
    for position, step in enumerate(sequence):
        here = f"{path}/{position}"
        yield Place(step, here, parent, exit_key, position, before)
        before = (step.key, *before)
        for key, inner in step.exits.items():
            yield from _walk(inner, f"{here}/exits/{key}", step.key, key, before)


def find(flow: Flow, key: str) -> Place | None:
    """The place of a step, or None."""
    return next((place for place in walk(flow) if place.step.key == key), None)


# (step key, exit) -> key of the next step; None is the end of the program.
NextMap = dict[tuple[str, str], str | None]
DONE = "done"


def next_map(flow: Flow) -> NextMap:
    """What follows each exit of each step. Steps without branches have the one exit "done"."""
    found: NextMap = {}
    _connect(flow.steps, None, found)
    return found


def _connect(sequence: tuple[FlowStep, ...], after: str | None, found: NextMap) -> None:
    for index, step in enumerate(sequence):
        follower = sequence[index + 1].key if index + 1 < len(sequence) else after
        if not step.exits:
            found[step.key, DONE] = follower
        for key, inner in step.exits.items():
            found[step.key, key] = inner[0].key if inner else follower
            _connect(inner, follower, found)


def first_key(flow: Flow) -> str | None:
    """Where a newcomer starts; None for an empty flow."""
    return flow.steps[0].key if flow.steps else None


def dump(flow: Flow) -> dict[str, Any]:
    """The JSON document of a flow; `parse_flow` of it gives the flow again."""
    document: dict[str, Any] = {
        "entry": dict(flow.entry),
        "steps": [dump_step(step) for step in flow.steps],
    }
    if flow.goal is not None:
        document["goal"] = dict(flow.goal)
        document["goal_exits"] = flow.goal_exits
    if flow.exit_rules:
        document["exits"] = [dict(rule) for rule in flow.exit_rules]
    for name, part in (("leaving", flow.leaving), ("control", flow.control)):
        if part:
            document[name] = dict(part)
    if flow.fields:
        document["fields"] = [dict(item) for item in flow.fields]
    return document


def amended(
    document: Mapping[str, Any], configs: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """A document whose steps of these keys have other configs."""

    def steps(sequence: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [step(data) for data in sequence]

    def step(data: dict[str, Any]) -> dict[str, Any]:
        found = {**data, "config": dict(configs.get(data["key"], data["config"]))}
        if "exits" in data:
            found["exits"] = {key: steps(inner) for key, inner in data["exits"].items()}
        return found

    return {**document, "steps": steps(document["steps"])}


def dump_step(step: FlowStep) -> dict[str, Any]:
    """The JSON of one step and all below it."""
    data: dict[str, Any] = {
        "key": step.key,
        "kind": step.kind,
        "name": step.name,
        "config": dict(step.config),
    }
    if step.exits:
        data["exits"] = {
            key: [dump_step(inner) for inner in inner_steps]
            for key, inner_steps in step.exits.items()
        }
    return data

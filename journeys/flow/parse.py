"""JSON to Flow: structure only. What a step's config says is looked at by `checks`."""

import re
from typing import Any

from csplatform.kit.errors import DomainError, Problem
from journeys.flow.document import Flow, FlowStep

MAX_STEPS = 500
MAX_DEPTH = 30
KEY = re.compile(r"[a-z0-9]{2,20}")
EXIT = re.compile(r"[A-Za-z0-9_-]{1,40}")
SHOWN = 40  # characters of a wrong name that a path repeats
_TOP = {"entry", "steps", "goal", "goal_exits", "exits", "leaving", "control", "fields"}
_FIELD = {"key", "label", "source", "config"}
MAX_FIELDS = 100
_STEP = {"key", "kind", "name", "config", "exits"}


def parse_flow(data: Any) -> Flow:
    """The flow of a document. Raises DomainError with the path of every bad place."""
    reader = _Reader()
    flow = reader.flow(data)
    if reader.problems:
        raise DomainError(reader.problems)
    return flow


class _Reader:
    """Collects problems while it reads, so that one answer names them all."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.seen: dict[str, str] = {}

    def bad(self, path: str, message: str, code: str = "structure") -> None:
        if len(self.problems) < 50:
            self.problems.append(Problem(path, message, code))

    def flow(self, data: Any) -> Flow:
        if not isinstance(data, dict):
            self.bad("", "A flow document is an object with “entry” and “steps”.")
            return Flow({}, ())
        for name in data.keys() - _TOP:
            self.bad(
                f"/{str(name)[:SHOWN]}",
                "Nothing of this name belongs in a flow; remove it.",
                "unknown",
            )
        entry = self.object(data.get("entry", {}), "/entry")
        goal = data.get("goal")
        rules = data.get("exits", [])
        if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
            self.bad("/exits", "Exit rules are a list of objects.")
            rules = []
        goal_exits = data.get("goal_exits", True)
        if not isinstance(goal_exits, bool):
            self.bad("/goal_exits", "This is true or false.")
        return Flow(
            entry=entry,
            steps=self.sequence(data.get("steps", []), "/steps", 0),
            goal=None if goal is None else self.object(goal, "/goal"),
            goal_exits=goal_exits is True,
            exit_rules=tuple(rules),
            leaving=self.object(data.get("leaving", {}), "/leaving"),
            control=self.object(data.get("control", {}), "/control"),
            fields=self.fields(data.get("fields", [])),
        )

    def fields(self, data: Any) -> tuple[dict[str, Any], ...]:
        if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
            self.bad("/fields", "Calculated fields are a list of objects.")
            return ()
        if len(data) > MAX_FIELDS:
            self.bad("/fields", f"A program has at most {MAX_FIELDS} fields.", "too_many")
        for index, item in enumerate(data[:MAX_FIELDS]):
            for name in item.keys() - _FIELD:
                path = f"/fields/{index}/{str(name)[:SHOWN]}"
                self.bad(path, "A field has no such part; remove it.", "unknown")
            for name in ("key", "label", "source"):
                text = item.get(name, "")
                if not isinstance(text, str) or len(text) > 100 or "\x00" in text:
                    self.bad(f"/fields/{index}/{name}", "This is text of at most 100 characters.")
            self.object(item.get("config", {}), f"/fields/{index}/config")
        return tuple(data[:MAX_FIELDS])

    def object(self, data: Any, path: str) -> dict[str, Any]:
        if isinstance(data, dict):
            return data
        self.bad(path, "Expected an object.")
        return {}

    def sequence(self, data: Any, path: str, depth: int) -> tuple[FlowStep, ...]:
        if not isinstance(data, list):
            self.bad(path, "Expected a list of steps.")
            return ()
        if depth > MAX_DEPTH:
            self.bad(path, f"Branches go at most {MAX_DEPTH} levels deep.", "too_deep")
            return ()
        steps = []
        for index, item in enumerate(data):
            if len(self.seen) >= MAX_STEPS:
                self.bad(path, f"A program has at most {MAX_STEPS} steps.", "too_many")
                break
            step = self.step(item, f"{path}/{index}", depth)
            if step:
                steps.append(step)
        return tuple(steps)

    def step(self, data: Any, path: str, depth: int) -> FlowStep | None:
        if not isinstance(data, dict):
            self.bad(path, "Expected a step object.")
            return None
        for name in data.keys() - _STEP:
            self.bad(
                f"{path}/{str(name)[:SHOWN]}", "A step has no such part; remove it.", "unknown"
            )
        key, kind, name = data.get("key"), data.get("kind"), data.get("name", "")
        if not isinstance(key, str) or not KEY.fullmatch(key):
            self.bad(f"{path}/key", "A step's key is 2 to 20 lower-case letters and digits.")
            key = f"x{len(self.seen)}"
        elif key in self.seen:
            self.bad(f"{path}/key", f"The step at {self.seen[key]} has this key already.", "twice")
        self.seen[key] = path
        if not isinstance(kind, str) or not 0 < len(kind) <= 60:
            self.bad(f"{path}/kind", "Name the kind of step, in at most 60 characters.")
            kind = ""
        if not isinstance(name, str) or len(name) > 200 or "\x00" in name:
            self.bad(f"{path}/name", "A step's name is text of at most 200 characters.")
            name = ""
        exits = {}
        for exit_key, inner in self.object(data.get("exits", {}), f"{path}/exits").items():
            below = f"{path}/exits/{str(exit_key)[:SHOWN]}"
            if isinstance(exit_key, str) and EXIT.fullmatch(exit_key):
                exits[exit_key] = self.sequence(inner, below, depth + 1)
            else:
                self.bad(below, "An exit's key is 1 to 40 letters, digits, - and _.")
        return FlowStep(
            key, kind, name, self.object(data.get("config", {}), f"{path}/config"), exits
        )

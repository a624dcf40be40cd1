"""A large flow of every kind of shape: to measure the editor with, and to look at it."""

import itertools
from collections.abc import Iterator
from typing import Any

ADMINS = {"all": [{"test": "attribute", "name": "name", "operator": "ends_with", "value": "a"}]}


def sample_flow(steps: int = 40, depth: int = 5, *, template: int = 0) -> dict[str, Any]:
    """A flow document.

    Args:
        steps: how many steps, at least one.
        depth: how many branches the deepest step lies within.
        template: the mail that its mails send; 0 leaves them to be chosen, which marks them.

    Branching steps nest in their second path until `depth` is reached; the other steps are spread
    over the paths in turn.
    """
    builder = _Builder(steps, template)
    spine = builder.branching(min(depth, max(steps - 1, 0)))
    columns = itertools.cycle([spine, *builder.paths])
    while builder.left:
        next(columns).append(builder.simple())
    return {"entry": {"sources": []}, "steps": spine}


class _Builder:
    """Makes steps until none are left."""

    def __init__(self, steps: int, template: int) -> None:
        self.left = steps
        self.template = template
        self.paths: list[list[Any]] = []
        self.keys = (f"s{number:03d}" for number in itertools.count(1))
        self.last_mail = ""
        self.simple_kinds: Iterator[str] = itertools.cycle(
            ["send_email", "wait_timer", "set_attribute"]
        )
        self.branching_kinds: Iterator[str] = itertools.cycle(
            ["if_else", "conditional_wait", "split"]
        )

    def step(self, kind: str, name: str, config: dict[str, Any], *exits: str) -> dict[str, Any]:
        """One step with empty paths."""
        self.left -= 1
        key = next(self.keys)
        found: dict[str, Any] = {"key": key, "kind": kind, "name": name, "config": config}
        if exits:
            found["exits"] = {exit_key: [] for exit_key in exits}
            self.paths += found["exits"].values()
        return found

    def simple(self) -> dict[str, Any]:
        """A step that simply goes on."""
        kind = next(self.simple_kinds)
        if kind == "send_email":
            mail = self.step(kind, f"Mail {self.left}", {"template": self.template or None})
            self.last_mail = mail["key"]
            return mail
        if kind == "wait_timer":
            return self.step(kind, f"Pause {self.left}", {"amount": 2, "unit": "days"})
        return self.step(kind, f"Note {self.left}", {"attribute": "persona", "value": "Champion"})

    def branching(self, depth: int) -> list[dict[str, Any]]:
        """A mail and a branching step that nests further."""
        if depth < 1 or self.left < 1:
            return []
        found = [self.simple()] if self.left > depth else []
        made = self._branching_step(next(self.branching_kinds))
        found.append(made)
        list(made["exits"].values())[1].extend(self.branching(depth - 1))
        return found

    def _branching_step(self, kind: str) -> dict[str, Any]:
        if kind == "if_else":
            paths = [
                {"key": "admins", "label": "Admins", "rule": ADMINS},
                {"key": "users", "label": "Users of a trial", "rule": ADMINS},
            ]
            return self.step(kind, "Who is it?", {"paths": paths}, "admins", "users", "else")
        if kind == "split":
            groups = [
                {"key": "a", "label": "Gets it", "percent": 90},
                {"key": "b", "label": "Hold-out", "percent": 10},
            ]
            return self.step(kind, "Hold some out", {"groups": groups}, "a", "b")
        rule = {"type": "rule", "rule": ADMINS}
        conditions = [{"type": "event", "step": self.last_mail, "event": "opened"}, rule]
        config = {
            "conditions": conditions if self.last_mail else [rule],
            "logic": "any", "amount": 3, "unit": "days",
        }  # fmt: skip
        return self.step(kind, "Opened the mail?", config, "met", "not_met")

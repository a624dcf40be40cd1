"""Rules in memory, over loaded facts of one subject: the answer, and the answer explained."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from csplatform.rules.facts import Facts
from csplatform.rules.registry import rule_kinds
from csplatform.rules.tree import AllOf, AnyOf, Node, Not, Test, children
from csplatform.rules.words import leaf_words


def matches(node: Node, facts: Facts, at: datetime) -> bool:
    """Whether the rule matches the subject. Tombstones are never matched."""
    return facts.alive and holds(node, facts, at)


def holds(node: Node, facts: Facts, at: datetime) -> bool:
    """Whether the rule holds of the facts as of `at`. Pure."""
    if isinstance(node, AllOf):
        return all(holds(item, facts, at) for item in node.items)
    if isinstance(node, AnyOf):
        return any(holds(item, facts, at) for item in node.items)
    if isinstance(node, Not):
        return not holds(node.item, facts, at)
    return rule_kinds.get(node.kind).holds(node, facts, at)


@dataclass(frozen=True)
class Explained:
    """One node's answer.

    Attributes:
        path: place in the rule, as in parse errors.
        words: the node in words; for groups "all of", "any of", "not".
        value: what a leaf's answer rests on, as JSON.
    """

    path: str
    words: str
    truth: bool
    value: Any = None
    children: tuple["Explained", ...] = ()

    def as_json(self) -> dict[str, Any]:
        """For screens and the API."""
        return {
            "path": self.path,
            "words": self.words,
            "truth": self.truth,
            "value": self.value,
            "children": [child.as_json() for child in self.children],
        }


def explain(node: Node, facts: Facts, at: datetime, path: str = "") -> Explained:
    """Truth of every node and value of every leaf."""
    if isinstance(node, Test):
        kind = rule_kinds.get(node.kind)
        words = leaf_words(node, facts.subject)
        return Explained(path, words, kind.holds(node, facts, at), kind.value(node, facts, at))
    word = {AllOf: "all", AnyOf: "any", Not: "not"}[type(node)]
    places = [f"{path}/not"] if word == "not" else [
        f"{path}/{word}/{index}" for index in range(len(children(node)))
    ]  # fmt: skip
    below = tuple(
        explain(child, facts, at, place)
        for child, place in zip(children(node), places, strict=True)
    )
    said = {"all": "all of", "any": "any of", "not": "not"}[word]
    return Explained(path, said, holds(node, facts, at), None, below)

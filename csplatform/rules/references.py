"""What a rule reads and names: gathered from its leaves."""

from collections.abc import Iterator
from typing import Any

from csplatform.freshness.touches import EVERYTHING
from csplatform.rules.facts import Needs
from csplatform.rules.kind import FactKey
from csplatform.rules.registry import rule_kinds
from csplatform.rules.tree import Node, Test, children


def _leaves(node: Node, subject: str, hops: int = 0) -> Iterator[tuple[Test, str, int]]:
    """All leaves with their subject and the relations crossed, nested rules included."""
    if isinstance(node, Test):
        yield node, subject, hops
        if node.inner is not None:
            below = rule_kinds.get(node.kind).inner[subject]
            yield from _leaves(node.inner, below, hops + 1)
        return
    for child in children(node):
        yield from _leaves(child, subject, hops)


def needs_of(node: Node, subject: str) -> Needs:
    """The facts to load before the rule can be answered in memory."""
    found = Needs()
    if isinstance(node, Test):
        return rule_kinds.get(node.kind).needs(node, subject)
    for child in children(node):
        found |= needs_of(child, subject)
    return found


def fact_keys(node: Node, subject: str) -> frozenset[FactKey]:
    """The facts whose change may change the rule's answer."""
    # Subjects that appear or disappear concern every rule about them or about those next to them.
    keys = {FactKey(subject, EVERYTHING)}
    for test, whose, hops in _leaves(node, subject):
        kind = rule_kinds.get(test.kind)
        keys |= {key._replace(hops=key.hops + hops) for key in kind.fact_keys(test, whose)}
        if test.inner is not None:
            keys.add(FactKey(kind.inner[whose], EVERYTHING, hops + 1))
    return frozenset(keys)


def references(node: Node, subject: str) -> set[tuple[str, Any]]:
    """What the rule names elsewhere, as (type, id), e.g. ("segment", 12)."""
    found: set[tuple[str, Any]] = set()
    for test, _, _ in _leaves(node, subject):
        found |= rule_kinds.get(test.kind).references(test)
    return found


def time_dependent(node: Node, subject: str) -> bool:
    """Whether time alone may change the rule's answer."""
    return any(
        rule_kinds.get(test.kind).time_dependent(test) for test, _, _ in _leaves(node, subject)
    )


def event_names(node: Node, subject: str) -> set[str]:
    """Names of the events that the rule counts."""
    prefix = "event."
    keys = fact_keys(node, subject)
    return {k.key.removeprefix(prefix) for k in keys if k.key.startswith(prefix)}

"""The shape of a rule, without any framework.

What empty means, once and for all: nothing demanded (`AllOf(())`, in JSON `{}`) is true for
everybody; no alternative given (`AnyOf(())`) is true for nobody.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

SUBJECTS = ("person", "company")


@dataclass(frozen=True)
class AllOf:
    """True when every item is true."""

    items: tuple["Node", ...]


@dataclass(frozen=True)
class AnyOf:
    """True when at least one item is true."""

    items: tuple["Node", ...]


@dataclass(frozen=True)
class Not:
    """True when the item is false. Every test is either true or false, never unknown."""

    item: "Node"


@dataclass(frozen=True)
class Test:
    """A leaf: one question of a registered kind.

    Attributes:
        kind: key in the registry of rule kinds.
        config: the kind's own config.
        inner: the nested rule of a test that crosses to another subject.
        bound: what the kind looked up while parsing (an attribute's type, a segment's name); None
            when it is gone, then the test treats its value as missing.
    """

    __test__ = False  # not a test case for pytest

    kind: str
    config: Any
    inner: "Node | None" = None
    bound: Any = field(default=None, compare=False)


Node = AllOf | AnyOf | Not | Test
EVERYBODY = AllOf(())


def children(node: Node) -> tuple[Node, ...]:
    """The nodes right below, nested rules included."""
    if isinstance(node, (AllOf, AnyOf)):
        return node.items
    if isinstance(node, Not):
        return (node.item,)
    return (node.inner,) if node.inner is not None else ()


def tests(node: Node) -> Iterator[Test]:
    """The leaves of a rule about its own subject; not those of nested rules."""
    if isinstance(node, Test):
        yield node
    else:
        for child in children(node):
            yield from tests(child)

"""Pieces of SQL with their bound values."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Sql:
    """A piece of SQL in psycopg's %s style. Text comes from code alone, values are bound."""

    text: str
    params: tuple[Any, ...] = ()

    def __add__(self, other: "Sql") -> "Sql":
        return Sql(self.text + other.text, self.params + other.params)


TRUE, FALSE = Sql("TRUE"), Sql("FALSE")


def fill(template: str, **parts: Sql) -> Sql:
    """Put pieces into `{name}` places of a template, each as often as named, values in order."""
    text: list[str] = []
    params: list[Any] = []
    rest = template
    while "{" in rest:
        before, _, rest = rest.partition("{")
        name, _, rest = rest.partition("}")
        text += [before, parts[name].text]
        params += parts[name].params
    return Sql("".join(text) + rest, tuple(params))


def value(item: Any, cast: str) -> Sql:
    """A bound value with its type, so that the server never guesses."""
    return Sql(f"%s::{cast}", (item,))


def joined(parts: Iterable[Sql], word: str, empty: Sql) -> Sql:
    """Pieces joined by AND or OR in brackets; `empty` for none."""
    pieces = list(parts)
    if not pieces:
        return empty
    params = tuple(param for piece in pieces for param in piece.params)
    return Sql("(" + f" {word} ".join(piece.text for piece in pieces) + ")", params)


def negated(piece: Sql) -> Sql:
    """NOT of a two-valued piece."""
    return Sql(f"(NOT {piece.text})", piece.params)


def surely(condition: Sql) -> Sql:
    """A condition made two-valued: unknown counts as false."""
    return Sql(f"COALESCE({condition.text}, FALSE)", condition.params)

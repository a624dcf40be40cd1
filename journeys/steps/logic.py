"""Numbered conditions combined by hand: `1 and (2 or 3)`. Pure.

There is no "not": what did not happen is a condition of its own, which only a limit can judge. So
an answer can only turn from false to true while conditions come true.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

TOKEN = re.compile(r"\s*(?:(?P<number>\d{1,3})|(?P<word>[A-Za-z]+)|(?P<sign>\S))")


class LogicError(ValueError):
    """Not an expression. `position` counts characters from 1."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(f"{message} (at character {position})")
        self.position = position


@dataclass(frozen=True)
class Number:
    """A condition, counted from 1."""

    number: int


@dataclass(frozen=True)
class Joined:
    """Two or more parts. word: "and" or "or"."""

    word: str
    parts: tuple["Logic", ...]


Logic = Number | Joined


@lru_cache(maxsize=1000)
def parse_logic(text: str, count: int) -> Logic:
    """Read an expression over `count` conditions; "and" binds tighter than "or".

    Raises LogicError with what is wrong, what to do, and where.
    """
    reader = _Reader(text, count)
    found = reader.either()
    if reader.sign:
        message = (
            "This “)” has no “(” before it: remove it"
            if reader.sign == ")"
            else f"Put “and” or “or” before “{reader.sign}”"
        )
        raise LogicError(message, reader.at)
    return found


def plain_logic(word: str, count: int) -> Logic:
    """All conditions joined by one word."""
    return Joined(word, tuple(Number(number + 1) for number in range(count)))


def is_true(logic: Logic, answers: Sequence[bool]) -> bool:
    """The expression's answer, given those of the conditions."""
    if isinstance(logic, Number):
        return answers[logic.number - 1]
    combine = all if logic.word == "and" else any
    return combine(is_true(part, answers) for part in logic.parts)


def logic_words(logic: Logic, name: Callable[[int], str] = str, inside: str = "or") -> str:
    """The expression in its one way of writing, with `name` of each number."""
    if isinstance(logic, Number):
        return name(logic.number)
    text = f" {logic.word} ".join(logic_words(part, name, logic.word) for part in logic.parts)
    return f"({text})" if inside == "and" and logic.word == "or" else text


def numbers_in(logic: Logic) -> set[int]:
    """The conditions that the expression names."""
    if isinstance(logic, Number):
        return {logic.number}
    return {number for part in logic.parts for number in numbers_in(part)}


class _Reader:
    """One token ahead, by recursive descent."""

    def __init__(self, text: str, count: int) -> None:
        self.text, self.count, self.end = text, count, 0
        self.sign, self.at = "", 1
        self.step()

    def step(self) -> None:
        found = TOKEN.match(self.text, self.end)
        if found is None:
            self.sign, self.at = "", len(self.text.rstrip()) + 1
            return
        group = found.lastgroup or "sign"
        self.sign, self.at, self.end = found[group].lower(), found.start(group) + 1, found.end()

    def either(self) -> Logic:
        return self.joined("or", lambda: self.joined("and", self.one))

    def joined(self, word: str, part: Callable[[], Logic]) -> Logic:
        parts = [part()]
        while self.sign == word:
            self.step()
            parts.append(part())
        # (1 and 2) and 3 is 1 and 2 and 3
        flat = [
            inner
            for item in parts
            for inner in (item.parts if isinstance(item, Joined) and item.word == word else (item,))
        ]
        return flat[0] if len(flat) == 1 else Joined(word, tuple(flat))

    def one(self) -> Logic:
        sign, at = self.sign, self.at
        if sign == "(":
            self.step()
            found = self.either()
            if self.sign != ")":
                raise LogicError("This “(” is not closed: add “)”", at)
            self.step()
            return found
        if not sign.isdecimal():
            raise LogicError(self.expected(sign), at)
        if not 1 <= int(sign) <= self.count:
            raise LogicError(f"There is no condition {sign}: {self.known()}", at)
        self.step()
        return Number(int(sign))

    def expected(self, sign: str) -> str:
        if not sign:
            return f"Here the number of a condition is missing: {self.known()}"
        if sign == "?":
            return "The condition that stood here was removed: put another number or delete it"
        if sign == "not":
            return "There is no “not”: choose a condition like “not opened” instead"
        return f"“{sign}” cannot stand here: {self.known()}, joined by “and”, “or”, ( and )"

    def known(self) -> str:
        return f"use 1 to {self.count}" if self.count > 1 else "there is only condition 1"

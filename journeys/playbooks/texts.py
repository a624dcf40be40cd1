"""Titles and descriptions with tokens, filled in for many subjects at once."""

from collections.abc import Sequence

from csplatform.kit.errors import DomainError, Problem
from csplatform.kit.merge_tags import Values, parse_tokens, token_problems
from journeys.emails.context import Recipient, load_values

MAX_TITLE = 200


def text_problems(title: str, description: str, known: set[str], path: str = "") -> list[Problem]:
    """What is wrong with a title and a description: empty, too long, tokens that are unknown."""
    problems = []
    if not title.strip():
        problems.append(Problem(f"{path}/title", "Write what is to be done.", "missing"))
    for name, text in (("title", title), ("description", description)):
        problems += token_problems(text, known, f"{path}/{name}")
    return problems


def fill(
    texts: Sequence[tuple[str, str]], recipients: Sequence[Recipient]
) -> list[list[tuple[str, str]]]:
    """Each (title, description) for each recipient; as many queries for one or a thousand.

    Args:
        texts: as written, with tokens. One that cannot be read any more is taken literally.
    """
    parsed = [(_parsed(title), _parsed(description)) for title, description in texts]
    literal = all(part.is_literal for pair in parsed for part in pair)
    values = [{}] * len(recipients) if literal else load_values(recipients)
    rows = []
    for given in values:
        known = Values(given)
        rows.append(
            [(title.line(known)[:MAX_TITLE], body.text(known).strip()) for title, body in parsed]
        )
    return rows


class _Literal:
    """A text that is no longer fit to be parsed."""

    is_literal = True

    def __init__(self, source: str) -> None:
        self.source = source

    def line(self, values: Values) -> str:
        """As it is."""
        return self.source

    def text(self, values: Values) -> str:
        """As it is."""
        return self.source


def _parsed(source: str):  # type: ignore[no-untyped-def]
    try:
        return parse_tokens(source)
    except DomainError:
        return _Literal(source)

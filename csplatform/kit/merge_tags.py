"""Tokens in texts that users write: `{{ person.name | default: "there" }}`, and nothing more.

Only output statements over `group.name` paths and the filters below exist: no tags, loops,
includes, ranges, lookups by variable. Whoever renders escapes by the place that a text stands in.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from liquid import Environment, RenderContext
from liquid.builtin import content, illegal, output
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.builtin.filters.misc import default
from liquid.exceptions import LiquidError
from liquid.expression import Expression
from markupsafe import escape

from csplatform.kit.errors import DomainError, Problem

MAX_SOURCE = 10_000
MAX_TOKENS = 100
MAX_FILTERS = 5
MAX_VALUE = 5_000
NAME = re.compile(r"^[a-z][a-z0-9_]*$")
_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_LITERAL_HOST = re.compile(r"^(https?://[^\s/?#{}\\@]+([/?#]|$)|mailto:)", re.IGNORECASE)
_DATE_CODES = re.compile(r"%(-?[dmHIMSj]|[aAbBeYypuU%])|[^%]")


def _as_date(value: Any) -> date | None:
    if isinstance(value, date):
        return value
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        return None


def _date(value: Any, layout: str = "%-d %B %Y") -> str:
    """A date or moment in words. Unknown codes of the layout are left out."""
    moment = _as_date(value)
    if moment is None:
        return plain(value)
    codes = "".join(match.group(0) for match in _DATE_CODES.finditer(str(layout)[:60]))
    return moment.strftime(codes)


def _number(value: Any) -> str:
    """1234567.5 as 1,234,567.5."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return f"{value:,}" if number else plain(value)


def _capitalize(value: Any) -> str:
    text = plain(value)
    return text[:1].upper() + text[1:]


def _truncate(value: Any, length: Any = 50) -> str:
    text = plain(value)
    limit = min(max(int(length), 1), MAX_VALUE) if str(length).isdigit() else 50
    return text if len(text) <= limit else text[: limit - 1] + "…"


FILTERS: dict[str, Callable[..., Any]] = {
    "default": default,
    "upcase": lambda value: plain(value).upper(),
    "downcase": lambda value: plain(value).lower(),
    "capitalize": _capitalize,
    "truncate": _truncate,
    "date": _date,
    "number": _number,
}


class _TokenEnvironment(Environment):
    """Liquid with output statements alone."""

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        self.add_tag(content.Literal)
        self.add_tag(output.Output)
        self.add_tag(illegal.Illegal)
        for name, function in FILTERS.items():
            self.add_filter(name, function)


_environment = _TokenEnvironment()
_nothing = _environment.from_string("")


def plain(value: Any) -> str:
    """A value as people read it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(plain(item) for item in value)
    return str(value)[:MAX_VALUE]


class Values:
    """The allow-listed values of one recipient, by "group.name". Remembers what was asked for.

    Attributes:
        used: tokens that were filled in, with their values.
        unknown: tokens that nobody gave a value for; they came out empty.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.used: dict[str, Any] = {}
        self.unknown: set[str] = set()
        self._values = values
        self._done: dict[Token, str] = {}
        nested: dict[str, dict[str, Any]] = {}
        for name, value in values.items():
            group, _, key = name.partition(".")
            nested.setdefault(group, {})[key] = value
        self._context = RenderContext(_nothing, globals=nested)

    def text_of(self, token: "Token") -> str:
        """What a token says for this recipient, unescaped."""
        found = self._done.get(token)
        if found is None:
            for name in token.names:
                if name in self._values:
                    self.used[name] = self._values[name]
                else:
                    self.unknown.add(name)
            try:
                found = self._evaluated(token)
            except (LiquidError, TypeError, ValueError):
                found = ""
            self._done[token] = found
        return found

    def _evaluated(self, token: "Token") -> str:
        return plain(_unwrapped(token.expression.evaluate(self._context)))[:MAX_VALUE]

    def check(self, token: "Token") -> None:
        """Try a token. Raises what evaluating it raises."""
        self._evaluated(token)


def _unwrapped(value: Any) -> Any:
    """Liquid's "undefined" as None."""
    return value.__liquid__() if hasattr(value, "__liquid__") else value


@dataclass(frozen=True, eq=False)
class Token:
    """One `{{ … }}` with the names that it reads."""

    source: str
    names: tuple[str, ...]
    expression: FilteredExpression


def as_text(value: str) -> str:
    """For plain text bodies."""
    return value


def as_line(value: str) -> str:
    """For subjects and names in headers: no line breaks, no control characters."""
    return _BREAKS.sub(" ", value)


def as_html(value: str) -> str:
    """For HTML text and quoted attributes."""
    return str(escape(value))


def as_url_part(value: str) -> str:
    """For a place within a URL's path or query."""
    return quote(value, safe="")


Escape = Callable[[str], str]


@dataclass(frozen=True, eq=False)
class TokenText:
    """A parsed text: literal pieces and tokens in turn."""

    source: str
    parts: tuple[str | Token, ...]

    @property
    def names(self) -> frozenset[str]:
        """Every "group.name" that it reads."""
        return frozenset(n for part in self.parts if isinstance(part, Token) for n in part.names)

    @property
    def is_literal(self) -> bool:
        """Whether it is the same for everybody."""
        return not any(isinstance(part, Token) for part in self.parts)

    def render(self, values: Values, *, literal: Escape, token: Escape) -> str:
        """The text for one recipient.

        Args:
            literal, token: how the user's own words and the filled-in values are escaped.
        """
        return "".join(
            literal(part) if isinstance(part, str) else token(values.text_of(part))
            for part in self.parts
        )

    def text(self, values: Values) -> str:
        """For a plain text body."""
        return self.render(values, literal=as_text, token=as_text)

    def line(self, values: Values) -> str:
        """For a subject or another header."""
        return self.render(values, literal=as_line, token=as_line).strip()

    def html(self, values: Values) -> str:
        """For HTML."""
        return self.render(values, literal=as_html, token=as_html)

    def url(self, values: Values) -> str:
        """A URL (not yet escaped for HTML). Scheme and host are the author's own words."""
        return self.render(values, literal=as_line, token=as_url_part).strip()


def parse_tokens(source: str, path: str = "") -> TokenText:
    """The pieces of a text. Raises DomainError with `path`; parsed texts are cached."""
    if not isinstance(source, str):
        raise DomainError("Expected text.", path=path, code="type")
    if len(source) > MAX_SOURCE:
        raise DomainError(f"At most {MAX_SOURCE:,} characters.", path=path, code="too_long")
    try:
        return _parse(source)
    except DomainError as error:
        raise DomainError(
            Problem(path, problem.message, problem.code) for problem in error.problems
        ) from None


@lru_cache(maxsize=5_000)
def _parse(source: str) -> TokenText:
    _check_characters(source)
    try:
        nodes = _environment.from_string(source).nodes
    except LiquidError as error:
        raise DomainError(_syntax_words(error), code="token_syntax") from None
    parts: list[str | Token] = []
    for node in nodes:
        if isinstance(node, content.ContentNode):
            parts.append(node.text)
        elif isinstance(node, output.OutputNode):
            parts.append(_token(node))
        else:
            raise DomainError("Only tokens like {{ person.name }} work here.", code="token_syntax")
    if sum(isinstance(part, Token) for part in parts) > MAX_TOKENS:
        raise DomainError(f"At most {MAX_TOKENS} tokens in one text.", code="too_many")
    return TokenText(source, tuple(parts))


def _check_characters(source: str) -> None:
    if "\x00" in source:
        raise DomainError("It holds a NUL character; remove it.", code="characters")
    try:
        source.encode()
    except UnicodeEncodeError:
        raise DomainError("It holds half a character; type it again.", code="characters") from None
    if "{%" in source:
        raise DomainError(
            "“{%” does nothing here; only tokens like {{ person.name }} work.", code="token_syntax"
        )


def _syntax_words(error: Exception) -> str:
    reason = str(error).split("\n", 1)[0].strip()
    known = ", ".join(FILTERS)
    return f"A token is not written right ({reason[:120]}). Filters: {known}."


def _token(node: output.OutputNode) -> Token:
    expression = node.expression
    if not isinstance(expression, FilteredExpression):
        raise DomainError("A token is a name and filters, nothing else.", code="token_syntax")
    if len(expression.filters or ()) > MAX_FILTERS:
        raise DomainError(f"At most {MAX_FILTERS} filters in one token.", code="too_many")
    for used in expression.filters or ():
        if used.name not in FILTERS:
            raise DomainError(
                f"There is no filter “{used.name}”; known are {', '.join(FILTERS)}.",
                code="unknown_filter",
            )
    token = Token(str(node), tuple(_names(expression)), expression)
    try:
        Values({}).check(token)  # finds filters with arguments that they do not take
    except (LiquidError, TypeError, ValueError) as error:
        raise DomainError(_syntax_words(error), code="token_syntax") from None
    return token


def _names(expression: Expression) -> Iterable[str]:
    """Every path below an expression; only `group.name` is allowed."""
    if isinstance(expression, RangeLiteral):
        raise DomainError("A token holds no range.", code="token_syntax")
    if isinstance(expression, Path):
        parts = expression.path
        fit = len(parts) == 2 and all(isinstance(p, str) and NAME.match(p) for p in parts)
        if not fit:
            raise DomainError(
                f"“{expression}” is no token; write it like person.name.", code="token_syntax"
            )
        yield f"{parts[0]}.{parts[1]}"
        return
    for child in expression.children():
        yield from _names(child)


def token_problems(source: str, known: Iterable[str], path: str = "") -> list[Problem]:
    """What is wrong with a text's tokens: syntax, or names that are not `known`."""
    try:
        names = parse_tokens(source, path).names
    except DomainError as error:
        return error.problems
    return [
        Problem(path, f"There is no token “{name}”; choose one from the list.", "unknown_token")
        for name in sorted(names - set(known))
    ]


def parse_url(source: str, path: str = "") -> TokenText:
    """A link with tokens in its path or query. Scheme and host must be written out, so that no
    value of a person decides where a link leads. Raises DomainError."""
    parsed = parse_tokens(source.strip() if isinstance(source, str) else source, path)
    first = parsed.parts[0] if parsed.parts and isinstance(parsed.parts[0], str) else ""
    match = _LITERAL_HOST.match(first)
    # With tokens the host must have ended before the first of them.
    complete = match is not None and (parsed.is_literal or match.group(0)[-1] in "/?#:")
    words = "".join(part for part in parsed.parts if isinstance(part, str))
    if not complete or _BREAKS.search(parsed.source) or " " in words:
        raise DomainError(
            "A link starts with https://, http:// or mailto: and a fixed host; tokens may follow"
            " after the first /.",
            path=path,
            code="url",
        )
    return parsed


def is_safe_url(url: str) -> bool:
    """Whether a finished URL has a scheme that we send people to."""
    return bool(_LITERAL_HOST.match(url)) and not _BREAKS.search(url)

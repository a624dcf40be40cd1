"""Content of engagements: read, checked, and filled in for one person. Never HTML."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from csplatform.kit.blocks import (
    Block,
    block_texts,
    block_token_problems,
    dump_blocks,
    parse_blocks,
)
from csplatform.kit.errors import DomainError, Problem
from csplatform.kit.merge_tags import Values, is_safe_url, parse_tokens, parse_url
from csplatform.kit.schema import Config, parse_config
from engagements.inapp.kind import EngagementKind, engagement_kinds
from journeys.emails.tokens import known_tokens


@dataclass(frozen=True)
class Content:
    """Parsed content of a kind."""

    kind: EngagementKind
    settings: Config
    blocks: tuple[Block, ...]

    @property
    def has_tokens(self) -> bool:
        """Whether it differs from person to person."""
        return any(
            not parse_tokens(text.source).is_literal
            for block in self.blocks
            for text in block_texts(block)
        )


def parse_content(kind_key: str, data: Any, path: str = "") -> Content:
    """The content of an engagement. Raises DomainError with all that is wrong, and UnknownKind."""
    kind = engagement_kinds.get(kind_key)
    if not isinstance(data, dict):
        raise DomainError("Expected an object with blocks.", path=path, code="type")
    problems: list[Problem] = []
    blocks: list[Block] = []
    settings: Config | None = None
    try:
        blocks = parse_blocks(data.get("blocks", []), f"{path}/blocks", kind.place)
    except DomainError as error:
        problems += error.problems
    try:
        rest = {key: value for key, value in data.items() if key != "blocks"}
        settings = parse_config(kind.Settings, rest, path)
    except DomainError as error:
        problems += error.problems
    if problems or settings is None:
        raise DomainError(problems)
    return Content(kind, settings, tuple(blocks))


def dump_content(content: Content) -> dict[str, Any]:
    """The JSON of a content; `parse_content` of it gives it again."""
    return {**content.settings.model_dump(), "blocks": dump_blocks(content.blocks)}


def content_problems(content: Content) -> list[Problem]:
    """Everything to say about a content before it goes live; warnings do not block."""
    problems = block_token_problems(content.blocks, known_tokens())
    return problems + content.kind.check(content.settings, content.blocks)


def filled_in(content: Content, values: Mapping[str, Any]) -> dict[str, Any]:
    """The content as the browser gets it: tokens resolved, plain text values and safe links."""
    recipient = Values(values)
    blocks = []
    for block in content.blocks:
        texts = {text.path: text.place for text in block_texts(block)}
        data = _filled(block.config.model_dump(), "", texts, recipient)
        blocks.append({"kind": block.kind, **data})
    return {**content.settings.model_dump(), "blocks": blocks}


def _filled(value: Any, path: str, texts: Mapping[str, str], recipient: Values) -> Any:
    if isinstance(value, dict):
        return {k: _filled(v, f"{path}/{k}", texts, recipient) for k, v in value.items()}
    if isinstance(value, list):
        return [_filled(v, f"{path}/{i}", texts, recipient) for i, v in enumerate(value)]
    place = texts.get(path)
    return value if place is None else _RENDER[place](value, recipient)


def _url(source: str, recipient: Values) -> str:
    """A finished link, or "" for one that browsers must not follow."""
    url = parse_url(source).url(recipient)
    return url if is_safe_url(url) else ""


_RENDER: dict[str, Callable[[str, Values], str]] = {
    "text": lambda source, recipient: parse_tokens(source).text(recipient),
    "url": _url,
}

"""Typed blocks: what mails and in-app dialogs are made of. Never HTML.

A block is JSON with its kind and that kind's own settings, e.g.
{"kind": "button", "label": "Open", "url": "https://example.com/{{ company.external_id }}"}.
Texts may carry tokens (see merge_tags). Rooms above may register kinds of their own.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import Field

from csplatform.kit.errors import DomainError, Problem
from csplatform.kit.merge_tags import parse_tokens, parse_url, token_problems
from csplatform.kit.registry import Registry, UnknownKind
from csplatform.kit.schema import Config, FormField, form_fields, parse_config

MAX_BLOCKS = 60
MAX_ITEMS = 40


def text_field(title: str, **more: Any) -> Any:
    """A text that may carry tokens."""
    extra = {"tokens": "text", **more.pop("json_schema_extra", {})}
    more.setdefault("max_length", 5_000)
    return Field(title=title, min_length=1, json_schema_extra=extra, **more)


def url_field(title: str, **more: Any) -> Any:
    """A link or image address that may carry tokens after its host."""
    extra = {"tokens": "url", "widget": "url", **more.pop("json_schema_extra", {})}
    more.setdefault("max_length", 2_000)
    return Field(title=title, min_length=1, json_schema_extra=extra, **more)


class Heading(Config):
    """A headline."""

    text: str = text_field("Text", max_length=300)
    level: Literal[1, 2, 3] = Field(
        default=1,
        title="Size",
        json_schema_extra={"labels": {"1": "Large", "2": "Medium", "3": "Small"}},
    )


class Text(Config):
    """Paragraphs; an empty line starts a new one."""

    text: str = text_field("Text", json_schema_extra={"widget": "textarea"})


class Button(Config):
    """A link that stands out."""

    label: str = text_field("Label", max_length=100)
    url: str = url_field("Link")


class Image(Config):
    """A picture from the web."""

    url: str = url_field("Image address")
    alt: str = Field(
        default="",
        title="Description",
        max_length=300,
        description="Read out where the picture is not shown. Empty only for mere decoration.",
        json_schema_extra={"tokens": "text"},
    )


class Divider(Config):
    """A thin line."""


class ListBlock(Config):
    """Points, one per line."""

    items: list[str] = Field(
        title="Items",
        min_length=1,
        max_length=MAX_ITEMS,
        json_schema_extra={"tokens": "text", "widget": "lines"},
    )
    style: Literal["bullets", "numbers", "checks"] = Field(default="bullets", title="Style")


@dataclass(frozen=True)
class BlockKind:
    """One kind of block.

    Attributes:
        icon: a Material Symbols name.
        example: a new block's settings in the editor; valid.
        places: where it may be used: "mail", "dialog".
    """

    key: str
    label: str
    icon: str
    Config: type[Config]
    example: dict[str, Any]
    places: tuple[str, ...] = ("mail", "dialog")

    @property
    def fields(self) -> tuple[FormField, ...]:
        """Its inputs in the editor."""
        return form_fields(self.Config)


def _fit(kind: BlockKind) -> str:
    try:
        _parse_one(kind, kind.example, "")
    except DomainError as error:
        return f"its example is wrong: {error}"
    return "" if kind.label and kind.icon else "label or icon is missing"


block_kinds: Registry[BlockKind] = Registry("block kind", _fit)


@dataclass(frozen=True)
class Block:
    """A parsed block; `config` is an instance of the kind's Config."""

    kind: str
    config: Any


@dataclass(frozen=True)
class BlockText:
    """A text of a block that may carry tokens. place: "text" or "url"."""

    path: str
    source: str
    place: str


def parse_blocks(data: Any, path: str = "/blocks", place: str = "mail") -> list[Block]:
    """The blocks of a document, all problems at once in a DomainError."""
    if not isinstance(data, list):
        raise DomainError("Expected a list of blocks.", path=path, code="type")
    if len(data) > MAX_BLOCKS:
        raise DomainError(f"At most {MAX_BLOCKS} blocks.", path=path, code="too_many")
    blocks: list[Block] = []
    problems: list[Problem] = []
    for index, item in enumerate(data):
        try:
            blocks.append(_parse_block(item, f"{path}/{index}", place))
        except DomainError as error:
            problems += error.problems
    if problems:
        raise DomainError(problems)
    return blocks


def _parse_block(item: Any, path: str, place: str) -> Block:
    if not isinstance(item, dict):
        raise DomainError("Expected a block object.", path=path, code="type")
    try:
        kind = block_kinds.get(item.get("kind", ""))
    except UnknownKind:
        known = ", ".join(kind.key for kind in block_kinds if place in kind.places)
        raise DomainError(
            f"There is no such kind of block; known are {known}.", path=f"{path}/kind", code="kind"
        ) from None
    if place not in kind.places:
        raise DomainError(
            f"A {kind.label.lower()} block does not work here.", path=f"{path}/kind", code="place"
        )
    return _parse_one(kind, {key: item[key] for key in item if key != "kind"}, path)


def _parse_one(kind: BlockKind, settings: dict[str, Any], path: str) -> Block:
    config = parse_config(kind.Config, settings, path)
    block = Block(kind.key, config)
    problems: list[Problem] = []
    for text in block_texts(block, path):
        try:
            (parse_url if text.place == "url" else parse_tokens)(text.source, text.path)
        except DomainError as error:
            problems += error.problems
    if problems:
        raise DomainError(problems)
    return block


def block_texts(block: Block, path: str = "") -> Iterator[BlockText]:
    """Every text of a block that may carry tokens, with its path."""
    for name, info in type(block.config).model_fields.items():
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        place = extra.get("tokens")
        if place is None:
            continue
        value = getattr(block.config, name)
        if get_origin(info.annotation) is list and get_args(info.annotation) == (str,):
            for index, item in enumerate(value):
                yield BlockText(f"{path}/{name}/{index}", item, str(place))
        elif value:
            yield BlockText(f"{path}/{name}", value, str(place))


def block_token_problems(
    blocks: Iterable[Block], known: Iterable[str], path: str = "/blocks"
) -> list[Problem]:
    """Tokens of parsed blocks that are not `known`."""
    names = set(known)
    return [
        problem
        for index, block in enumerate(blocks)
        for text in block_texts(block, f"{path}/{index}")
        for problem in token_problems(text.source, names, text.path)
    ]


def dump_blocks(blocks: Iterable[Block]) -> list[dict[str, Any]]:
    """The JSON of blocks; `parse_blocks` of it gives them again."""
    return [{"kind": block.kind, **block.config.model_dump()} for block in blocks]


def register_blocks() -> None:
    """The kinds that mails and dialogs share. Called once at start."""
    for kind in (
        BlockKind("heading", "Heading", "title", Heading, {"text": "Headline", "level": 1}),
        BlockKind("text", "Text", "notes", Text, {"text": "Write something here."}),
        BlockKind(
            "button", "Button", "smart_button", Button,
            {"label": "Open", "url": "https://example.com/"},
        ),
        BlockKind(
            "image", "Image", "image", Image,
            {"url": "https://example.com/picture.png", "alt": "What it shows"},
        ),
        BlockKind("list", "List", "format_list_bulleted", ListBlock, {"items": ["First point"]}),
        BlockKind("divider", "Divider", "horizontal_rule", Divider, {}),
    ):  # fmt: skip
        block_kinds.register(kind.key, kind)

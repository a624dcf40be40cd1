"""What the editor of typed blocks (static/adminkit/blocks.js) needs to know of the kinds."""

from typing import Any

from csplatform.kit.blocks import block_kinds, dump_blocks, parse_blocks
from csplatform.kit.schema import FormField


def describe_field(field: FormField) -> dict[str, Any]:
    """An input as the module draws it."""
    extra = dict(field.extra)
    return {
        "name": field.name,
        "label": field.label,
        "help": field.help,
        "widget": field.widget,
        "required": field.required,
        "default": field.default,
        "options": [list(pair) for pair in field.options],
        "tokens": extra.get("tokens", ""),
    }


def describe_kinds(place: str) -> list[dict[str, Any]]:
    """The kinds of blocks that a place takes ("mail", "dialog"), in order of registration."""
    return [
        {
            "key": kind.key,
            "label": kind.label,
            "icon": kind.icon,
            "example": _whole(kind.key, kind.example, place),
            "fields": [describe_field(field) for field in kind.fields],
        }
        for kind in block_kinds
        if place in kind.places
    ]


def _whole(key: str, example: dict[str, Any], place: str) -> dict[str, Any]:
    """A new block with all of its settings."""
    return dump_blocks(parse_blocks([{"kind": key, **example}], place=place))[0]

"""The editor of typed blocks for any admin form: what it needs to know, a widget, a form field.

Mails and engagements use it; the module is static/adminkit/blocks.js.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from csplatform.kit.blocks import block_kinds, dump_blocks, parse_blocks
from csplatform.kit.errors import DomainError
from csplatform.kit.schema import FormField

# Tokens on offer: {"name", "label", "group", "insert"} each.
TokenOffers = Callable[[], Iterable[dict[str, str]]]


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


class BlocksWidget(forms.Widget):
    """The editor; without JavaScript a text area with the JSON of the blocks."""

    template_name = "adminkit/blocks_widget.html"

    def __init__(
        self, place: str, tokens: TokenOffers = list, attrs: dict[str, Any] | None = None
    ) -> None:
        super().__init__(attrs)
        self.place, self.tokens = place, tokens

    @property
    def media(self) -> forms.Media:
        """The module and its look."""
        return forms.Media(
            css={"all": ["adminkit/blocks.css"]},
            js=[forms.Script("adminkit/blocks_mount.js", type="module")],
        )

    def _render(self, template_name: str, context: Any, renderer: Any = None) -> SafeString:
        """With the project's templates; the forms' own engine knows the theme's only."""
        return render_to_string(template_name, context)

    def format_value(self, value: Any) -> str:
        """The blocks as JSON text."""
        return value if isinstance(value, str) else json.dumps(value or [])

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Kinds and tokens for the module."""
        context = super().get_context(name, value, attrs)
        context["about"] = {"kinds": describe_kinds(self.place), "tokens": list(self.tokens())}
        context["about_id"] = f"{name}-about"
        return context


class BlocksField(forms.Field):
    """A list of blocks as JSON; checked by shape and tokens' syntax."""

    def __init__(self, *, place: str, tokens: TokenOffers = list, **more: Any) -> None:
        self.place = place
        more.setdefault("widget", BlocksWidget(place, tokens))
        super().__init__(**more)

    def to_python(self, value: Any) -> Any:
        """The JSON value; [] for nothing."""
        if value in (None, ""):
            return []
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            raise ValidationError("This is no JSON.", code="invalid") from None

    def validate(self, value: Any) -> None:
        """Refuse what is no list of known blocks, with the place."""
        super().validate(value)
        try:
            parse_blocks(value, "", self.place)
        except DomainError as error:
            raise ValidationError(
                [f"{_place_words(p.path)}: {p.message}" for p in error.problems]
            ) from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare as JSON, not as text."""
        try:
            return bool((self.to_python(initial) or []) != self.to_python(data))
        except ValidationError:
            return True


def _place_words(path: str) -> str:
    """ "/2/text" as "Block 3, text"."""
    first, *rest = [part for part in path.split("/") if part] or ["0"]
    number = int(first) + 1 if first.isdigit() else first
    return ", ".join([f"Block {number}", *rest])

"""The editor of typed blocks: a form widget, and what its module (static/adminkit/) must know."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from django import forms
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from csplatform.kit.blocks import block_kinds, dump_blocks, parse_blocks
from csplatform.kit.schema import FormField


class Token(Protocol):
    """One entry of the token menu; `insert` is what it writes into the text."""

    @property
    def name(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def group(self) -> str: ...
    @property
    def insert(self) -> str: ...


class BlocksWidget(forms.Textarea):
    """The blocks' JSON in a textarea; the page's own module mounts the editor over it.

    Arguments:
        place: which kinds are on offer: "mail", "dialog".
        tokens: read at each rendering, for they depend on the declared attributes.
    """

    template_name = "adminkit/blocks_widget.html"

    def __init__(
        self,
        *,
        place: str,
        tokens: Callable[[], Iterable[Token]],
        attrs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(attrs)
        self.place = place
        self.tokens = tokens

    @property
    def media(self) -> forms.Media:
        """The look; the module comes with the page, which also has a preview to feed."""
        return forms.Media(css={"all": ["adminkit/blocks.css"]})

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        """With the project's templates; the forms' own engine knows the theme's only."""
        return render_to_string(self.template_name, self.get_context(name, value, attrs))

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """The kinds with their inputs, and the tokens."""
        context = super().get_context(name, value, attrs)
        context["about"] = describe_editor(self.place, self.tokens())
        context["about_id"] = f"{name}-about"
        return context


def describe_editor(place: str, tokens: Iterable[Token]) -> dict[str, Any]:
    """What an editor of blocks is made from."""
    return {
        "kinds": describe_kinds(place),
        "tokens": [
            {"name": t.name, "label": t.label, "group": t.group, "insert": t.insert} for t in tokens
        ],
    }


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

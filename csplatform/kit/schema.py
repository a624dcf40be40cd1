"""Configs of kinds: pydantic models with errors that carry a path, and form fields derived."""

from dataclasses import dataclass, field
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from csplatform.kit.errors import DomainError, Problem

M = TypeVar("M", bound="Config")
# Tags of a union's members begin so (pydantic.Tag): they are no part of a problem's path.
TAG = "kind="


class Config(BaseModel):
    """Base of every kind's config: frozen, refuses unknown keys.

    Field(title=..., description=...) become label and help text; json_schema_extra may give
    {"widget": name, "options": provider key} for inputs that the type does not tell.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


_SENTENCES = {
    "missing": "This is required.",
    "extra_forbidden": "This setting is not known here; remove it.",
    "string_too_short": "This may not be empty.",
    "string_too_long": "This is too long.",
    "int_type": "Choose or enter a value.",
    "int_parsing": "Enter a whole number.",
    "int_from_float": "Enter a whole number.",
    "float_type": "Enter a number.",
    "float_parsing": "Enter a number.",
    "string_type": "Choose or enter a value.",
    "union_tag_invalid": "There is no such kind; choose one of those that there are.",
}


def problems_of(error: ValidationError, path: str) -> list[Problem]:
    """Pydantic's errors as problems below `path`."""
    problems = []
    for item in error.errors(include_url=False, include_input=False):
        parts = [str(part) for part in item["loc"]]
        place = "".join(f"/{part}" for part in parts if not part.startswith(TAG))
        told = item["msg"].removeprefix("Value error, ").replace("Input should", "This should")
        message = _SENTENCES.get(item["type"]) or told + "."
        problems.append(Problem(path + place, message.replace("..", "."), item["type"]))
    return problems


def parse_config(model: type[M], data: Any, path: str = "") -> M:
    """Validate `data` against `model`. Raises DomainError with one problem per bad place."""
    if not isinstance(data, dict):
        raise DomainError("Expected an object with settings.", path=path, code="type")
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise DomainError(problems_of(error, path)) from None


@dataclass(frozen=True)
class FormField:
    """One input of a kind's form, derived from its config.

    Attributes:
        widget: text, textarea, number, checkbox, select, list, object, rule, or a kind's own word.
        options: fixed (value, label) pairs; `provider` names a source of options instead.
        fields: the inner fields of "object" and of each item of a "list".
        variants: (kind, inner fields) of the items of a list whose items are of several kinds.
    """

    name: str
    label: str
    help: str
    widget: str
    required: bool
    default: Any
    options: tuple[tuple[str, str], ...] = ()
    provider: str = ""
    fields: tuple["FormField", ...] = field(default=())
    extra: tuple[tuple[str, Any], ...] = ()
    variants: tuple[tuple[str, tuple["FormField", ...]], ...] = ()


def _unwrap(annotation: Any) -> Any:
    """The type without `| None` and without annotations."""
    if get_origin(annotation) is Annotated:
        return _unwrap(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        inner = [a for a in get_args(annotation) if a is not NoneType]
        return inner[0] if len(inner) == 1 else annotation
    return annotation


def _widget_of(annotation: Any) -> tuple[str, tuple[tuple[str, str], ...], tuple[FormField, ...]]:
    """Widget, fixed options and inner fields that a type tells."""
    kind = _unwrap(annotation)
    if get_origin(kind) is Literal:
        return (
            "select",
            tuple((str(v), str(v).replace("_", " ").capitalize()) for v in get_args(kind)),
            (),
        )
    if get_origin(kind) in (list, tuple):
        inner = _unwrap(get_args(kind)[0]) if get_args(kind) else str
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            return "list", (), form_fields(inner)
        return "list", _widget_of(inner)[1], ()
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return "object", (), form_fields(kind)
    widgets = {bool: "checkbox", int: "number", float: "number", str: "text"}
    return (widgets.get(kind, "text") if isinstance(kind, type) else "text"), (), ()


def _variants_of(annotation: Any) -> tuple[tuple[str, tuple[FormField, ...]], ...]:
    """The kinds of a list's items, where there are several."""
    kind = _unwrap(annotation)
    inner = _unwrap(get_args(kind)[0]) if get_origin(kind) is list else None
    if get_origin(inner) not in (Union, UnionType):
        return ()
    models = [_unwrap(member) for member in get_args(inner)]
    return tuple((model.model_fields["kind"].default, form_fields(model)) for model in models)


def form_fields(model: type[BaseModel]) -> tuple[FormField, ...]:
    """The inputs of a config model, in its own order."""
    return tuple(_form_field(name, info) for name, info in model.model_fields.items())


def _form_field(name: str, info: FieldInfo) -> FormField:
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    widget, options, inner = _widget_of(info.annotation)
    labels = extra.get("labels")
    if isinstance(labels, dict):
        options = tuple((value, str(labels.get(value, label))) for value, label in options)
    default = None if info.is_required() else info.get_default(call_default_factory=True)
    if isinstance(default, BaseModel):
        default = default.model_dump()
    variants = _variants_of(info.annotation)
    kept = () if variants else ("labels",)
    rest = {k: v for k, v in extra.items() if k not in ("widget", "options", *kept)}
    return FormField(
        name=name,
        label=info.title or name.replace("_", " ").capitalize(),
        help=info.description or "",
        widget=str(extra.get("widget", widget)),
        required=info.is_required(),
        default=default,
        options=options,
        provider=str(extra.get("options", "")),
        fields=inner,
        extra=tuple(rest.items()),
        variants=variants,
    )

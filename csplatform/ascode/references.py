"""Where ids stand in settings: the config of a kind says so by `{"reference": type}`.

One walk serves both ways, ids to names for an export and names to ids for an import, and puts
keys into the order of the config's fields.
"""

from collections.abc import Callable, Iterator
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from csplatform.rules.registry import rule_kinds

# (type of reference, value, path) -> what is to stand there instead
Swap = Callable[[str, Any, str], Any]
REFERENCE = "reference"


def reference_of(info: FieldInfo) -> str:
    """The type of what a field points at by id, "" for plain values."""
    extra = info.json_schema_extra
    return str(extra.get(REFERENCE, "")) if isinstance(extra, dict) else ""


def in_settings(
    model: type[BaseModel], data: Any, subject: str, path: str, swap: Swap
) -> dict[str, Any]:
    """`data` with every reference swapped, keys in the order of the model; what the model does not
    know comes last and is left alone.

    Args:
        subject: whom rules in it are about.
        path: where it stands.
    """
    if not isinstance(data, dict):
        return data
    found: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        if name in data:
            found[name] = _value(info, data[name], subject, f"{path}/{name}", swap)
    return found | {name: data[name] for name in sorted(data.keys() - found.keys(), key=str)}


def _value(info: FieldInfo, value: Any, subject: str, path: str, swap: Swap) -> Any:
    if kind := reference_of(info):
        if isinstance(value, list):
            return [swap(kind, item, f"{path}/{i}") for i, item in enumerate(value)]
        return None if value is None else swap(kind, value, path)
    extra = info.json_schema_extra
    if isinstance(extra, dict) and extra.get("widget") == "rule":
        return in_rule(value, str(extra.get("about") or subject), path, swap)
    models = list(models_in(info.annotation))
    if not models:
        return value
    if isinstance(value, list):
        return [
            in_settings(_fitting(models, item), item, subject, f"{path}/{i}", swap)
            for i, item in enumerate(value)
        ]
    return in_settings(_fitting(models, value), value, subject, path, swap)


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Config models within a type such as `list[A | B]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) is Annotated:
        yield from models_in(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType, list, tuple):
        for inner in get_args(annotation):
            yield from models_in(inner)


def _fitting(models: list[type[BaseModel]], value: Any) -> type[BaseModel]:
    """Of several models the one whose literal `kind` is the value's."""
    kind = value.get("kind") if isinstance(value, dict) else None
    for model in models:
        info = model.model_fields.get("kind")
        literal = info is not None and get_origin(info.annotation) is Literal
        if info is not None and literal and kind in get_args(info.annotation):
            return model
    return models[0]


def in_rule(data: Any, subject: str, path: str, swap: Swap) -> Any:
    """A rule's JSON with every reference swapped. Whatever is no rule is left alone."""
    if not isinstance(data, dict):
        return data
    if "test" in data:
        return _test(data, subject, path, swap)
    found: dict[str, Any] = {}
    for word, below in data.items():
        if word in ("all", "any") and isinstance(below, list):
            found[word] = [
                in_rule(item, subject, f"{path}/{word}/{i}", swap) for i, item in enumerate(below)
            ]
        else:
            found[word] = in_rule(below, subject, f"{path}/{word}", swap)
    return found


def _test(data: dict[str, Any], subject: str, path: str, swap: Swap) -> dict[str, Any]:
    key = data["test"]
    if key not in rule_kinds:
        return data
    kind = rule_kinds.get(key)
    settings = {name: value for name, value in data.items() if name != "test"}
    below = kind.inner.get(subject, subject)
    return {"test": key, **in_settings(kind.Config, settings, below, path, swap)}

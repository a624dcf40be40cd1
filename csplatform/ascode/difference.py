"""Two sets of settings compared, field by field, in sentences."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from csplatform.kit.errors import DomainError
from csplatform.kit.schema import FormField, form_fields
from csplatform.rules.parse import load_rule
from csplatform.rules.tree import EVERYBODY
from csplatform.rules.words import phrase

LONGEST = 120
MANY = 40


def differences(
    model: type[BaseModel], old: dict[str, Any], new: dict[str, Any], subject: str
) -> list[str]:
    """One sentence per difference, in the order of the model; at most forty."""
    found = [
        sentence
        for item in form_fields(model)
        for sentence in _field(item, old.get(item.name), new.get(item.name), subject)
    ]
    if len(found) > MANY:
        found[MANY:] = [f"And {len(found) - MANY} more."]
    return found


def _field(item: FormField, old: Any, new: Any, subject: str) -> Iterator[str]:
    if item.widget == "rule":
        if old != new:
            yield f"{item.label}: {_rule(old, subject)} → {_rule(new, subject)}."
    else:
        yield from _changes(item.label, old, new)


def _changes(label: str, old: Any, new: Any) -> Iterator[str]:
    """Objects key by key, lists place by place, the rest as a whole."""
    if old == new and type(old) is type(new):
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(k for k in new if k not in old)]:
            yield from _changes(f"{label}, {_word(key)}", old.get(key), new.get(key))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            place = f"{label}, {index + 1}"
            if index >= len(new):
                yield f"{place}: removed {_said(old[index])}."
            elif index >= len(old):
                yield f"{place}: added {_said(new[index])}."
            else:
                yield from _changes(place, old[index], new[index])
    else:
        yield f"{label}: {_said(old)} → {_said(new)}."


def _word(key: str) -> str:
    return key.replace("_", " ")


def _said(value: Any) -> str:
    """A value for a sentence, short."""
    if value is None or value in ("", [], {}):
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        parts = [v for v in value.values() if isinstance(v, str) and v]
        return _short(": ".join(parts[:2])) if parts else "an item"
    if isinstance(value, list):
        return _short(", ".join(str(item) for item in value))
    return str(value) if isinstance(value, (int, float)) else _short(str(value))


def _short(text: str) -> str:
    text = " ".join(text.split())
    return f"“{text if len(text) <= LONGEST else text[: LONGEST - 1] + '…'}”"


def _rule(data: Any, subject: str) -> str:
    try:
        node = load_rule(data or {"all": []}, subject)
    except DomainError:
        return "(a rule that cannot be read)"
    return "everybody" if node == EVERYBODY else phrase(node, subject)

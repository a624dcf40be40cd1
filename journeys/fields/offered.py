"""The fields of a program as the rule builder offers them."""

from collections.abc import Mapping, Sequence
from typing import Any

from csplatform.rules.operators import OPERATORS
from journeys.fields.definition import by_key, label_of, read


def offered_fields(fields: Sequence[Mapping[str, Any]], subject: str) -> list[dict[str, Any]]:
    """Readable fields with their operators, in the shape of the builder's attributes; the
    definition lets its preview work the value out."""
    found = []
    for key, definition in by_key(fields).items():
        readable = read(definition, subject)
        if readable is None:
            continue
        source, asked = readable
        type_ = source.type(asked.config)
        found.append(
            {
                "name": key, "label": label_of(definition), "type": type_, "declared": True,
                "choices": [], "definition": dict(definition),
                "operators": [
                    {"key": operator.key, "label": operator.label, "takes": operator.takes}
                    for operator in OPERATORS[type_].values()
                ],
            }
        )  # fmt: skip
    return found

"""Tests of an event's properties, whose types nobody declared: the value at hand decides.

“42” in a rule means the text 42 as well as the number 42, “true” the text and the yes/no value.
Lists and objects have a value but never equal anything. A property that is not there makes
positive operators false and negated ones true.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import Field, model_validator

from csplatform.kit.schema import Config
from csplatform.rules.comparisons import fold
from csplatform.rules.configs import Name, PlainValue
from csplatform.rules.operators import BOOLEAN, NUMBER, TEXT, Operator, said
from csplatform.rules.sqltext import Sql, fill, negated, surely, value

_ORDERED = ("gt", "gte", "lt", "lte")
OPERATORS: dict[str, Operator] = {
    operator.key: operator
    for operator in (
        *(o for o in TEXT if o.takes != "none"),
        *(o for o in NUMBER if o.key in _ORDERED),
        *BOOLEAN,
    )
}
_NUMBER = re.compile(r"^-?\d{1,15}(\.\d{1,10})?$")


@dataclass(frozen=True)
class Meanings:
    """All that one given value can mean; None where it cannot be read so."""

    text: str
    number: Decimal | None
    boolean: bool | None


def meanings(given: Any) -> Meanings:
    """The readings of a rule's value."""
    text = str(given).lower() if isinstance(given, bool) else str(given)
    number = Decimal(text) if _NUMBER.match(text) else None
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        number = Decimal(str(given))
    return Meanings(fold(text), number, {"true": True, "false": False}.get(fold(text)))


class PropertyFilter(Config):
    """One demand on a property of the event."""

    property: Name = Field(title="Property")
    operator: str = Field(
        "equals",
        title="Is",
        json_schema_extra={
            "widget": "select",
            "choices": [[op.key, op.label, op.takes] for op in OPERATORS.values()],
        },
    )
    value: PlainValue = Field(None, title="Value", json_schema_extra={"widget": "value"})

    @model_validator(mode="after")
    def _value_fits(self) -> "PropertyFilter":
        operator = OPERATORS.get(self.operator)
        if operator is None:
            raise ValueError(f"Use one of the operators {', '.join(OPERATORS)}")
        if operator.takes == "many":
            if not isinstance(self.value, list) or not self.value or None in self.value:
                raise ValueError("Give a list with at least one value")
        elif operator.takes == "one":
            if self.value is None or self.value == "" or isinstance(self.value, list):
                raise ValueError("Give a single value")
            if self.operator in _ORDERED and meanings(self.value).number is None:
                raise ValueError("Give a number")
        return self

    def words(self) -> str:
        """e.g. “plan is “pro””."""
        return f"{self.property} {said(OPERATORS[self.operator], self.value)}"


def filter_holds(demand: PropertyFilter, properties: Mapping[str, Any]) -> bool:
    """Whether an event's properties meet the demand."""
    found = properties.get(demand.property)
    operator = OPERATORS[demand.operator]
    present = found is not None and found != ""
    return (present and _compare(operator.positive, found, demand.value)) != bool(operator.negates)


def _compare(key: str, found: Any, given: Any) -> bool:
    if key == "set":
        return True
    if key in ("is_true", "is_false"):
        return found is (key == "is_true")
    if key in ("equals", "in"):
        wanted = given if isinstance(given, list) else [given]
        return any(_same(found, meanings(item)) for item in wanted)
    if key in _ORDERED:
        return _ordered(key, found, meanings(given).number)
    if not isinstance(found, str):
        return False
    text, part = fold(found), meanings(given).text
    if key == "contains":
        return part in text
    return text.startswith(part) if key == "starts_with" else text.endswith(part)


def _same(found: Any, wanted: Meanings) -> bool:
    if isinstance(found, str):
        return fold(found) == wanted.text
    if isinstance(found, bool):
        return found is wanted.boolean
    if isinstance(found, (int, float)):
        return wanted.number is not None and Decimal(str(found)) == wanted.number
    return False


def _ordered(key: str, found: Any, limit: Decimal | None) -> bool:
    if limit is None or isinstance(found, bool) or not isinstance(found, (int, float)):
        return False
    number = Decimal(str(found))
    return {
        "gt": number > limit, "gte": number >= limit, "lt": number < limit, "lte": number <= limit,
    }[key]  # fmt: skip


# `{v}` is the property as JSON, `{t}` as text.
_FOLDED = 'lower({t} COLLATE "C")'
_STRING = "(CASE WHEN jsonb_typeof({v}) = 'string' THEN "
_TEMPLATES = {
    "set": "{v} NOT IN ('null'::jsonb, '\"\"'::jsonb)",
    "is_true": "{v} = 'true'::jsonb",
    "is_false": "{v} = 'false'::jsonb",
    "same": "(CASE jsonb_typeof({v})"
    f" WHEN 'string' THEN {{t}} <> '' AND {_FOLDED} = ANY({{texts}})"
    " WHEN 'number' THEN {t}::numeric = ANY({numbers})"
    " WHEN 'boolean' THEN {t}::boolean = ANY({booleans}) END)",
    "contains": f"{_STRING} strpos({_FOLDED}, {{text}}) > 0 END)",
    "starts_with": f"{_STRING} starts_with({_FOLDED}, {{text}}) END)",
    "ends_with": f"{_STRING} right({_FOLDED}, length({{text}})) = {{text}} END)",
}
_NUMERIC = "(CASE WHEN jsonb_typeof({v}) = 'number' THEN {t}::numeric SIGN {number} END)"
_SIGNS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def filter_sql(demand: PropertyFilter, column: str) -> Sql:
    """The demand as a two-valued condition over a JSON column."""
    operator = OPERATORS[demand.operator]
    key = operator.positive
    name = value(demand.property, "text")
    parts = {"v": fill(f"({column}->{{n}})", n=name), "t": fill(f"({column}->>{{n}})", n=name)}
    if operator.takes != "none":
        given = demand.value if isinstance(demand.value, list) else [demand.value]
        read = [meanings(item) for item in given]
        parts |= {
            "text": value(read[0].text, "text"),
            "texts": value([m.text for m in read], "text[]"),
            "numbers": value([m.number for m in read if m.number is not None], "numeric[]"),
            "booleans": value([m.boolean for m in read if m.boolean is not None], "boolean[]"),
            "number": value(read[0].number, "numeric"),
        }
    template = _TEMPLATES.get("same" if key in ("equals", "in") else key)
    if template is None:
        template = _NUMERIC.replace("SIGN", _SIGNS[key])
    condition = surely(fill(template, **parts))
    return negated(condition) if operator.negates else condition

"""The operators that each type of value knows: their names, words and what they take."""

from dataclasses import dataclass
from typing import Any

from csplatform.customers.attributes import Spec

MAX_DAYS = 36_500


@dataclass(frozen=True)
class Operator:
    """One way to test a value.

    Attributes:
        label: for the builder's list and for sentences: "<attribute> <label> <value>".
        takes: "none", "one", "many", "pair" (from, to) or "days".
        negates: the operator whose opposite this is. A missing value makes positive operators
            false and negated ones true.
    """

    key: str
    label: str
    takes: str = "one"
    negates: str = ""

    @property
    def positive(self) -> str:
        """The operator that is compared; its opposite if this one negates."""
        return self.negates or self.key


SET = Operator("set", "has any value", "none")
UNSET = Operator("unset", "has no value", "none", negates="set")
EQUALS = Operator("equals", "is")
NOT_EQUALS = Operator("not_equals", "is not", negates="equals")
IN = Operator("in", "is one of", "many")
NOT_IN = Operator("not_in", "is none of", "many", negates="in")

TEXT = (
    EQUALS,
    NOT_EQUALS,
    IN,
    NOT_IN,
    Operator("contains", "contains"),
    Operator("not_contains", "does not contain", negates="contains"),
    Operator("starts_with", "starts with"),
    Operator("ends_with", "ends with"),
    SET,
    UNSET,
)
NUMBER = (
    EQUALS,
    NOT_EQUALS,
    Operator("gt", "is more than"),
    Operator("gte", "is at least"),
    Operator("lt", "is less than"),
    Operator("lte", "is at most"),
    Operator("between", "is between", "pair"),
    IN,
    NOT_IN,
    SET,
    UNSET,
)
BOOLEAN = (
    Operator("is_true", "is yes", "none"),
    Operator("is_false", "is no", "none"),
    SET,
    UNSET,
)
DATE = (
    Operator("on", "is on"),
    Operator("before", "is before"),
    Operator("after", "is after"),
    Operator("between", "is between", "pair"),
    Operator("in_last_days", "was in the last", "days"),
    Operator("in_next_days", "is in the next", "days"),
    Operator("more_than_days_ago", "was more than … days ago", "days"),
    Operator("more_than_days_ahead", "is more than … days ahead", "days"),
    Operator("today", "is today", "none"),
    Operator("in_past", "is in the past", "none"),
    Operator("in_future", "is in the future", "none"),
    Operator("anniversary_in_days", "has its anniversary in the next", "days"),
    SET,
    UNSET,
)
CHOICE = (EQUALS, NOT_EQUALS, IN, NOT_IN, SET, UNSET)
LIST = (
    Operator("contains", "contains"),
    Operator("not_contains", "does not contain", negates="contains"),
    Operator("contains_any", "contains any of", "many"),
    Operator("contains_all", "contains all of", "many"),
    Operator("contains_none", "contains none of", "many", negates="contains_any"),
    SET,
    UNSET,
)
OPERATORS: dict[str, dict[str, Operator]] = {
    type_: {operator.key: operator for operator in family}
    for type_, family in {
        "text": TEXT, "link": TEXT, "number": NUMBER, "boolean": BOOLEAN, "date": DATE,
        "datetime": DATE, "choice": CHOICE, "list": LIST,
    }.items()
}  # fmt: skip
# By time alone the answer of these may change.
RELATIVE = {
    "in_last_days", "in_next_days", "more_than_days_ago", "more_than_days_ahead", "today",
    "in_past", "in_future", "anniversary_in_days",
}  # fmt: skip
EVERY_OPERATOR = {key: op for family in OPERATORS.values() for key, op in family.items()}


def choices_of(type_: str) -> list[Any]:
    """Key, label and what it takes of each operator of a type, for the builder's inputs."""
    return [[o.key, o.label, o.takes] for o in OPERATORS[type_].values()]


def described(spec: Spec) -> dict[str, Any]:
    """A typed field as the builder's inputs need it."""
    return {
        "name": spec.name,
        "label": spec.label,
        "type": spec.type,
        "declared": not spec.column,
        "choices": [list(pair) for pair in spec.choices],
        "operators": [
            {"key": operator.key, "label": operator.label, "takes": operator.takes}
            for operator in OPERATORS[spec.type].values()
        ],
    }


def said(operator: Operator, value: Any) -> str:
    """An operator with its value in words, e.g. “is one of “a” or “b””."""
    if operator.takes == "none":
        return operator.label
    if operator.takes == "days":
        days = f"{_plain(value)} day" + ("" if value == 1 else "s")
        if "…" in operator.label:
            return operator.label.replace("… days", days)
        return f"{operator.label} {days}"
    if operator.takes == "pair" and isinstance(value, list) and len(value) == 2:
        return f"{operator.label} {_plain(value[0])} and {_plain(value[1])}"
    if operator.takes == "many" and isinstance(value, list):
        word = " and " if operator.key == "contains_all" else " or "
        return f"{operator.label} {_listed([_plain(item) for item in value], word)}"
    return f"{operator.label} {_plain(value)}"


def _listed(items: list[str], word: str) -> str:
    """Items as people list them; a long list is cut."""
    if len(items) > 6:
        items = [*items[:5], f"{len(items) - 5} more"]
    return ", ".join(items[:-1]) + word + items[-1] if len(items) > 1 else "".join(items)


def _plain(value: Any) -> str:
    """A value as people write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return f"{int(value) if value == int(value) else value:,}"
    if value is None:
        return "…"
    text = str(value)
    return f"“{text if len(text) <= 80 else text[:77] + '…'}”"

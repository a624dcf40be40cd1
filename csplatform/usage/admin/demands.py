"""Demands on properties as lines of text, e.g. “format = pdf”: short to type and to read."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminTextareaWidget

from csplatform.kit.errors import DomainError
from csplatform.kit.schema import parse_config
from csplatform.rules.properties import PropertyFilter

# Longer signs first: “>=” is no “>”.
SIGNS = {
    "!=": "not_equals", ">=": "gte", "<=": "lte", "=": "equals", ">": "gt", "<": "lt",
    "~": "contains",
}  # fmt: skip
WORDS = {"exists": "set", "missing": "unset"}
HELP = (
    "One condition a line, all must be true: “format = pdf”, “pages >= 10”, “title ~ weekly”"
    " (contains), “plan != free”, “team exists”, “team missing”. Empty: every such event."
)


def to_text(where: list[dict[str, Any]]) -> str:
    """Stored demands as lines; what has no sign stands as JSON-like words."""
    signs = {key: sign for sign, key in SIGNS.items()} | {key: word for word, key in WORDS.items()}
    lines = []
    for item in where:
        operator = item.get("operator", "equals")
        value = item.get("value")
        shown = "" if operator in WORDS.values() else f" {value}"
        if isinstance(value, bool):
            shown = f" {str(value).lower()}"
        lines.append(f"{item['property']} {signs.get(operator, operator)}{shown}")
    return "\n".join(lines)


def from_text(text: str) -> list[dict[str, Any]]:
    """Lines as demands. Raises ValidationError that names the line."""
    found, wrong = [], []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            found.append(_demand(line.strip()))
        except DomainError as error:
            wrong.append(f"Line {number}: {error.problems[0].message}")
    if wrong:
        raise ValidationError(wrong)
    return found


def _demand(line: str) -> dict[str, Any]:
    property_, _, rest = line.partition(" ")
    word, _, value = rest.strip().partition(" ")
    operator = SIGNS.get(word) or WORDS.get(word) or word
    if not rest:
        raise DomainError("Write property, sign and value with spaces between, e.g. format = pdf.")
    item: dict[str, Any] = {"property": property_, "operator": operator}
    if value.strip():
        item["value"] = value.strip()
    return parse_config(PropertyFilter, item).model_dump(exclude_defaults=True)


class DemandsField(forms.CharField):
    """A text area of such lines; `clean` gives the demands."""

    def __init__(self, **more: Any) -> None:
        more.setdefault("widget", UnfoldAdminTextareaWidget(attrs={"rows": 3}))
        super().__init__(required=False, help_text=HELP, label="Only those whose", **more)

    def prepare_value(self, value: Any) -> Any:
        """Stored demands as text."""
        return to_text(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[dict[str, Any]]:  # type: ignore[override]
        """The demands."""
        return from_text(super().clean(value))

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare as text."""
        return bool((self.prepare_value(initial) or "") != (data or ""))

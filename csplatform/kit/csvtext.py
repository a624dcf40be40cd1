"""Cells for spreadsheets that cannot be formulas."""

import re
from collections.abc import Iterable
from typing import Any

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)*")


def safe_cell(value: Any) -> str:
    """A value as text that no spreadsheet takes for a formula; numbers stay numbers."""
    text = "" if value is None else str(value)
    if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def safe_row(values: Iterable[Any]) -> list[str]:
    """All cells of a line."""
    return [safe_cell(value) for value in values]

"""Types of settings that several kinds of tests share."""

import math
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from csplatform.rules.operators import MAX_DAYS

MAX_ITEMS = 1000
MAX_TEXT = 2000


def _scalar(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            raise ValueError(f"Use at most {MAX_TEXT:,} characters")
        return value
    if isinstance(value, int) and abs(value) < 10**15:
        return value
    if isinstance(value, float) and math.isfinite(value) and abs(value) < 10**15:
        return value
    raise ValueError("Give text, a number or yes/no")


def plain_value(value: Any) -> Any:
    """A JSON scalar or a list of them; anything else is refused."""
    if isinstance(value, list):
        if len(value) > MAX_ITEMS:
            raise ValueError(f"Use at most {MAX_ITEMS:,} values")
        return [_scalar(item) for item in value]
    return _scalar(value)


# Its meaning depends on the operator and the type of what is asked about.
PlainValue = Annotated[Any, BeforeValidator(plain_value)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
# A nested rule: raw JSON at the door, a parsed node in `Test.inner`.
RawRule = Annotated[Any, Field(json_schema_extra={"widget": "rule"})]


def iso_day(text: str) -> str:
    """A day such as 2026-01-31."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError("Give a day like 2026-01-31") from None


# When events count; left out: ever. The builder offers one of them at a time.
_WHEN = "When"
LastDays = Annotated[
    int | None,
    Field(ge=1, le=MAX_DAYS, title="in the last … days", json_schema_extra={"one_of": _WHEN}),
]
FirstDays = Annotated[
    int | None,
    Field(
        ge=1,
        le=MAX_DAYS,
        title="in the first … days after they were created",
        json_schema_extra={"one_of": _WHEN},
    ),
]
Since = Annotated[
    str | None,
    AfterValidator(lambda day: None if day is None else iso_day(day)),
    Field(title="from a day", json_schema_extra={"one_of": _WHEN, "widget": "date"}),
]
Until = Annotated[
    str | None,
    AfterValidator(lambda day: None if day is None else iso_day(day)),
    Field(title="to a day", json_schema_extra={"one_of": _WHEN, "widget": "date"}),
]
Times = Annotated[int, Field(ge=0, le=1_000_000)]

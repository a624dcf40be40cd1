"""Built-in attributes as columns: their SQL types, limits and what "unset" stores."""

from dataclasses import dataclass
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from csplatform.customers.attributes import Spec, cast
from csplatform.kit.errors import DomainError


@dataclass(frozen=True)
class Column:
    """One column that an attribute lives in.

    Attributes:
        sql: its type.
        unset: what is stored for an unset value; `required` ones refuse it.
        limit: most characters, of each item for lists.
    """

    sql: str
    unset: Any = None
    required: bool = False
    limit: int = 0


COLUMNS: dict[str, dict[str, Column]] = {
    "person": {
        "email": Column("text", None, limit=254),
        "name": Column("text", "", limit=200),
        "role": Column("text", "", limit=100),
        "persona": Column("text", "", limit=100),
        "language": Column("text", "en", limit=20),
        "time_zone": Column("text", "", limit=64),
    },
    "company": {
        "name": Column("text", "", required=True, limit=200),
        "external_id": Column("text", None, limit=200),
        "domains": Column("text[]", [], limit=253),
        "stage": Column("text", "trial", required=True, limit=20),
        "status": Column("text", "active", required=True, limit=20),
        "arr": Column("numeric"),
        "mrr": Column("numeric"),
        "renewal_date": Column("date"),
        "time_zone": Column("text", "UTC", limit=64),
        "tags": Column("text[]", [], limit=60),
    },
}
MONEY_LIMIT = 10**12


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def fit(subject: str, spec: Spec, value: Any, path: str) -> Any:
    """The value as stored, or None for unset. Raises DomainError for what no row could hold."""
    if not spec.writable:
        raise DomainError(f"“{spec.label}” cannot be set.", path=path, code="read_only")
    result = cast(spec, value.strip() if isinstance(value, str) else value, path=path)
    column = COLUMNS[subject].get(spec.column)
    if column is None:
        return result
    if result is None or result == []:
        if column.required:
            raise DomainError(f"“{spec.label}” may not be empty.", path=path, code="missing")
        return column.unset or None
    return _limited(spec, column, result, path)


def _limited(spec: Spec, column: Column, value: Any, path: str) -> Any:
    parts = value if isinstance(value, list) else [value] if isinstance(value, str) else []
    if column.limit and any(len(part) > column.limit for part in parts):
        text = f"“{spec.label}” takes at most {column.limit} characters."
        raise DomainError(text, path=path, code="too_long")
    if column.sql == "numeric":
        value = round(value, 2)
        if abs(value) >= MONEY_LIMIT:
            raise DomainError(f"“{spec.label}” is too large.", path=path, code="too_large")
    if spec.column == "domains":
        value = [part.lower().rstrip(".") for part in value]
    if spec.column == "time_zone" and value not in _zones():
        text = f"There is no time zone {value[:40]!r}; use a name like Europe/Paris."
        raise DomainError(text, path=path, code="time_zone")
    if spec.column == "email":
        try:
            validate_email(value)
        except ValidationError:
            text = f"{value[:80]!r} is no email address."
            raise DomainError(text, path=path, code="email") from None
    return value

"""What attributes there are: built-in columns and declared ones, with types and casts."""

import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from csplatform.customers.models import AttributeDefinition, Person
from csplatform.customers.models.company import CompanyStatus, Stage
from csplatform.kit.errors import DomainError


@dataclass(frozen=True)
class Spec:
    """One attribute that rules, tokens and steps can name.

    Attributes:
        name: key in data, e.g. "arr" or a declared "plan".
        type: text, number, boolean, date, datetime, choice, list, link.
        column: the model's column for built-in ones, "" for those in the JSON column.
        choices: allowed (value, label) pairs of type choice.
    """

    name: str
    label: str
    type: str
    column: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    writable: bool = True


def _built_in(name: str, label: str, type_: str, **more: Any) -> Spec:
    return Spec(name, label, type_, column=more.pop("column", name), **more)


BUILT_IN: dict[str, dict[str, Spec]] = {
    "person": {
        spec.name: spec
        for spec in (
            _built_in("email", "Email", "text"),
            _built_in("name", "Name", "text"),
            _built_in("role", "Role", "text"),
            _built_in("persona", "Persona", "text"),
            _built_in("language", "Language", "text"),
            _built_in("time_zone", "Time zone", "text"),
            _built_in("created_at", "Created", "datetime", writable=False),
        )
    },
    "company": {
        spec.name: spec
        for spec in (
            _built_in("name", "Company name", "text"),
            _built_in("external_id", "External id", "text"),
            _built_in("domains", "Domains", "list"),
            _built_in("stage", "Stage", "choice", choices=tuple(Stage.choices)),
            _built_in("status", "Status", "choice", choices=tuple(CompanyStatus.choices)),
            _built_in("arr", "ARR", "number"),
            _built_in("mrr", "MRR", "number"),
            _built_in("renewal_date", "Renewal date", "date"),
            _built_in("time_zone", "Time zone", "text"),
            _built_in("tags", "Tags", "list"),
            _built_in("created_at", "Created", "datetime", writable=False),
        )
    },
}


def attribute_specs(subject: str) -> dict[str, Spec]:
    """All attributes of "person" or "company": built-in first, then declared (one query)."""
    specs = dict(BUILT_IN[subject])
    for row in AttributeDefinition.objects.filter(subject=subject):
        pairs = tuple((choice, choice) for choice in row.choices)
        specs[row.name] = Spec(row.name, row.label, row.type, choices=pairs)
    return specs


DATE = re.compile(r"^\d{4}-\d{2}-\d{2}$")


def cast(spec: Spec, value: Any, *, path: str = "") -> Any:
    """The value as it is stored (JSON types; dates and times as normalised text).

    None and "" mean unset and give None. Raises DomainError when it does not fit the type.
    """
    if value is None or value == "":
        return None
    try:
        return _CASTS[spec.type](spec, value)
    except (TypeError, ValueError, OverflowError, ArithmeticError) as error:
        reason = str(error) or "it does not fit"
        raise DomainError(
            f"“{spec.label}” takes {_EXPECTED[spec.type]}: {reason}.", path=path, code="type"
        ) from None


def _text(spec: Spec, value: Any) -> str:
    if isinstance(value, (dict, list)):
        raise TypeError("a list or object is no text")
    text = str(value)
    if len(text) > 10_000:
        raise ValueError("more than 10,000 characters")
    if "\x00" in text:
        raise ValueError("it holds a NUL character")
    return text


def _number(spec: Spec, value: Any) -> int | float:
    if isinstance(value, bool):
        raise TypeError("yes/no is no number")
    number = float(value) if not isinstance(value, int) else value
    if isinstance(number, float):
        if not math.isfinite(number):
            raise ValueError("infinite or not a number")
        if number.is_integer():
            number = int(number)
    if abs(number) >= 10**15:
        raise ValueError("too large")
    return number


def _boolean(spec: Spec, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    return words[str(value).lower()] if str(value).lower() in words else _refuse(value)


def _refuse(value: Any) -> Any:
    raise ValueError(f"not {str(value)[:40]!r}")


def _date(spec: Spec, value: Any) -> str:
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return date.fromisoformat(str(value)[:10]).isoformat()


def datetime_text(moment: datetime) -> str:
    """A moment as fixed-width UTC text, which sorts like the moment itself."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _datetime(spec: Spec, value: Any) -> str:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return datetime_text(moment)


def _choice(spec: Spec, value: Any) -> str:
    allowed = [key for key, _ in spec.choices]
    if str(value) not in allowed:
        raise ValueError(f"not {str(value)[:40]!r} but one of {', '.join(allowed)}")
    return str(value)


def _list(spec: Spec, value: Any) -> list[str]:
    items = value if isinstance(value, (list, tuple)) else str(value).split(",")
    return [_text(spec, item).strip() for item in items if str(item).strip()]


def _link(spec: Spec, value: Any) -> str:
    text = _text(spec, value)
    return text if text.startswith(("https://", "http://")) else _refuse(text)


_CASTS = {
    "text": _text, "number": _number, "boolean": _boolean, "date": _date,
    "datetime": _datetime, "choice": _choice, "list": _list, "link": _link,
}  # fmt: skip
_EXPECTED = {
    "text": "text", "number": "a number", "boolean": "yes or no", "date": "a date (2026-01-31)",
    "datetime": "a date and time", "choice": "one of its choices", "list": "a list",
    "link": "a web address (https://…)",
}  # fmt: skip


def stored_value(subject: Any, spec: Spec) -> Any:
    """The value of an attribute of a Person or Company row, normalised as `cast` gives it."""
    raw = getattr(subject, spec.column) if spec.column else subject.attributes.get(spec.name)
    return normal(raw)


def normal(raw: Any) -> Any:
    """A column's or JSON value as `cast` gives it; None for unset."""
    if raw is None or raw == "" or raw == []:
        return None
    if isinstance(raw, Decimal):
        return int(raw) if raw == raw.to_integral() else float(raw)
    if isinstance(raw, datetime):
        return datetime_text(raw)
    if isinstance(raw, date):
        return raw.isoformat()
    return raw


def effective_time_zone(person: Person) -> str:
    """The person's time zone, else that of the primary company, else UTC."""
    if person.time_zone:
        return person.time_zone
    primary = person.memberships.filter(is_primary=True).select_related("company").first()
    return primary.company.time_zone if primary else "UTC"

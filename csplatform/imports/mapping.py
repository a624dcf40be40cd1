"""Which column means what, and how its cells are read. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from csplatform.imports.kind import Target
from csplatform.kit.errors import DomainError, Problem
from csplatform.kit.schema import Config

_ISO = re.compile(r"^\d{4}-\d{2}-\d{2}")
_DAY = re.compile(r"^(\d{1,2})[./-](\d{1,2})[./-](\d{2}|\d{4})$")


class Options(Config):
    """How the file writes things.

    Attributes:
        dates: beside 2026-01-31, which is always understood.
        numbers: the sign before the cents.
        empty: what a cell without anything means.
        event: the name of all events, where no column has one.
    """

    dates: Literal["day_first", "month_first"] = "day_first"
    numbers: Literal["point", "comma"] = "point"
    empty: Literal["leave", "clear"] = "leave"
    event: str = ""


@dataclass(frozen=True)
class Column:
    """A column that goes somewhere."""

    place: int
    heading: str
    target: Target


def plain(heading: str) -> str:
    """A heading for comparing: "E-Mail Address" is "e_mail_address"."""
    return re.sub(r"[^a-z0-9]+", "_", heading.lower()).strip("_")


def guess(columns: Sequence[str], targets: Sequence[Target]) -> dict[str, str]:
    """Column number (as text) to the target that its heading names; each target once."""
    by_word: dict[str, str] = {}
    for target in targets:
        if not target.many:
            for word in (target.name, plain(target.label), *target.aliases):
                by_word.setdefault(word, target.name)
    found: dict[str, str] = {}
    for place, heading in enumerate(columns):
        name = by_word.get(plain(heading))
        if name and name not in found.values():
            found[str(place)] = name
    return found


def check_mapping(
    mapping: Mapping[str, Any], columns: Sequence[str], targets: Sequence[Target]
) -> list[Column]:
    """The columns that go somewhere. Raises DomainError with "/mapping/<column>" paths."""
    known = {target.name: target for target in targets}
    found: list[Column] = []
    problems: list[Problem] = []
    for place, name in mapping.items():
        if name in ("", None):
            continue
        path = f"/mapping/{place}"
        if not (place.isdecimal() and int(place) < len(columns)):
            problems.append(Problem(path, "The file has no such column.", "unknown"))
        elif name not in known:
            problems.append(Problem(path, "There is nothing of this name to map to.", "unknown"))
        else:
            found.append(Column(int(place), columns[int(place)], known[str(name)]))
    used: dict[str, str] = {}
    for column in found:
        if column.target.name in used and not column.target.many:
            text = f"“{used[column.target.name]}” goes to {column.target.label} already."
            problems.append(Problem(f"/mapping/{column.place}", text, "twice"))
        used.setdefault(column.target.name, column.heading)
    if problems:
        raise DomainError(problems)
    return sorted(found, key=lambda column: column.place)


def read_row(
    cells: Sequence[str], columns: Sequence[Column], options: Options, index: int
) -> dict[str, Any]:
    """A row as target name to value. Several columns of a `many` target become an object.

    Raises DomainError with "/<index>/<target>" paths.
    """
    row: dict[str, Any] = {}
    problems: list[Problem] = []
    for column in columns:
        text, name = cells[column.place].strip(), column.target.name
        if column.target.many:
            if text:
                row.setdefault(name, {})[column.heading] = _guessed(text)
            continue
        if not text:
            if options.empty == "clear":
                row[name] = None
            continue
        try:
            row[name] = _value(text, column.target.type, options)
        except ValueError as error:
            problems.append(Problem(f"/{index}/{name}", str(error), "type"))
    if problems:
        raise DomainError(problems)
    return row


def _value(text: str, type_: str, options: Options) -> Any:
    if type_ == "number":
        return number(text, options.numbers)
    if type_ == "date":
        return day(text, options.dates)
    if type_ == "datetime":
        return text if _ISO.match(text) else moment(text, options.dates)
    return text


def number(text: str, style: str) -> float | int:
    """“1,234.50”, “€ 1.234,50”, “12 %”. Raises ValueError."""
    bare = re.sub(r"[\s\u00a0\u202f'%€$£]", "", text)
    group, point = (",", ".") if style == "point" else (".", ",")
    if not re.fullmatch(
        rf"-?(\d+|\d{{1,3}}({re.escape(group)}\d{{3}})+)({re.escape(point)}\d+)?", bare
    ):
        sign = "a point" if style == "point" else "a comma"
        raise ValueError(f"“{text[:60]}” is no number with {sign} before the cents.")
    value = float(bare.replace(group, "").replace(point, "."))
    return int(value) if value.is_integer() else value


def day(text: str, order: str) -> str:
    """A day as 2026-01-31. Raises ValueError."""
    try:
        if _ISO.match(text):
            return date.fromisoformat(text[:10]).isoformat()
        if match := _DAY.match(text):
            first, second, year = (int(part) for part in match.groups())
            year += 2000 if year < 100 else 0
            month, of_month = (second, first) if order == "day_first" else (first, second)
            return date(year, month, of_month).isoformat()
    except ValueError:
        pass
    shape = "31/12/2026" if order == "day_first" else "12/31/2026"
    raise ValueError(f"“{text[:60]}” is no day like 2026-12-31 or {shape}.")


def moment(text: str, order: str) -> str:
    """A day with or without a time, as ISO. Raises ValueError."""
    start, _, rest = text.partition(" ")
    found = day(start, order)
    if not rest.strip():
        return found
    try:
        return datetime.fromisoformat(f"{found}T{rest.strip()}").isoformat()
    except ValueError:
        raise ValueError(f"“{text[:60]}” is no day and time like 2026-12-31 14:00.") from None


def _guessed(text: str) -> Any:
    """A property's value: numbers and yes/no as such, all else as text."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if re.fullmatch(r"-?(0|[1-9]\d{0,14})(\.\d{1,10})?", text):
        return float(text) if "." in text else int(text)
    return text

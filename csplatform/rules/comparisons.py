"""What each operator means: in SQL and in memory, side by side, so that they stay one meaning.

Only positive operators are compared here; the negated ones are their exact opposite, so a missing
value is false for the former and true for the latter. In text and lists the case of the letters
A-Z does not matter (and of no others: what lower case is differs between servers).
"""

import string
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from csplatform.customers.attributes import Spec, cast, datetime_text
from csplatform.kit.errors import DomainError
from csplatform.rules.operators import MAX_DAYS, OPERATORS, Operator
from csplatform.rules.sqltext import FALSE, TRUE, Sql, fill, joined, negated, surely, value

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def fold(text: str) -> str:
    """Text with A-Z in lower case, as `lower(x COLLATE "C")` gives it on every server."""
    return text.translate(_LOWER)


@dataclass(frozen=True)
class Bound:
    """A typed question about one value, ready to be asked.

    Attributes:
        spec: what is asked about.
        operand: the rule's value in the form that the type compares.
    """

    spec: Spec
    operator: Operator
    operand: Any


def bind(spec: Spec, key: str, raw: Any, path: str = "") -> Bound:
    """Check operator and value against the type. Raises DomainError with the path."""
    operator = OPERATORS[spec.type].get(key)
    if operator is None:
        choices = ", ".join(OPERATORS[spec.type])
        raise DomainError(
            f"“{spec.label}” cannot be asked for “{key}”; use one of: {choices}.",
            path=f"{path}/operator",
            code="operator",
        )
    return Bound(spec, operator, _operand(spec, operator, raw, f"{path}/value"))


def _operand(spec: Spec, operator: Operator, raw: Any, path: str) -> Any:
    if operator.takes == "none":
        return None
    if operator.takes == "days":
        return _days(raw, path)
    if operator.takes == "one":
        return _one(spec, raw, path)
    if not isinstance(raw, list) or not raw:
        raise DomainError("Give a list with at least one value.", path=path, code="type")
    items = [_one(spec, item, f"{path}/{index}") for index, item in enumerate(raw)]
    if operator.takes == "pair" and (len(items) != 2 or items[0] > items[1]):
        raise DomainError("Give two values, the lower one first.", path=path, code="range")
    return items


def _days(raw: Any, path: str) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int) or not 0 <= raw <= MAX_DAYS:
        message = f"Give a whole number of days from 0 to {MAX_DAYS:,}."
        raise DomainError(message, path=path, code="range")
    return raw


def _one(spec: Spec, raw: Any, path: str) -> Any:
    """One value in the type's comparable form."""
    if isinstance(raw, (list, dict)):
        raise DomainError("Give a single value.", path=path, code="type")
    kind = {"list": "text", "link": "text"}.get(spec.type, spec.type)
    if spec.type == "datetime" and isinstance(raw, str) and len(raw) == 10:
        kind = "date"  # a whole day
    given = cast(replace(spec, type=kind), raw, path=path)
    if given is None:
        raise DomainError("Give a value.", path=path, code="missing")
    if kind == "number":
        return Decimal(str(given))
    return fold(given) if kind == "text" else given


# --- days and moments as half-open intervals of their normalised text ---------------------------


def _next_day(day: str) -> str | None:
    """The day after; None after the last day of the calendar."""
    try:
        return (date.fromisoformat(day) + timedelta(days=1)).isoformat()
    except OverflowError:
        return None


def _start(text: str | None, type_: str) -> str | None:
    """The first value of a type that belongs to a day (or the moment itself)."""
    if text is not None and type_ == "datetime" and len(text) == 10:
        return f"{text}T00:00:00.000000Z"
    return text


def _end(text: str, type_: str) -> str | None:
    """The first value of a type that comes after a day or moment."""
    if len(text) == 10:
        return _start(_next_day(text), type_)
    try:
        return datetime_text(datetime.fromisoformat(text) + timedelta(microseconds=1))
    except OverflowError:
        return None


def interval(operator: str, operand: Any, type_: str, at: datetime) -> tuple[Any, Any]:
    """The operator as (from, before): a value fits when from <= value < before; None is open.

    Days are UTC days. “In the last 3 days” of a date means today and the three days before; of a
    moment, the last 72 hours.
    """
    if operator == "on":
        return _start(operand[:10], type_), _start(_next_day(operand[:10]), type_)
    if operator == "before":
        return None, _start(operand, type_)
    if operator == "after":
        return _end(operand, type_), None
    if operator == "between":
        return _start(operand[0], type_), _end(operand[1], type_)
    moment, days = at.astimezone(UTC), timedelta(days=operand or 0)

    def text(when: datetime) -> str:
        return datetime_text(when) if type_ == "datetime" else when.date().isoformat()

    if operator == "today":
        return interval("on", moment.date().isoformat(), type_, at)
    if operator in ("in_past", "in_future"):
        past = operator == "in_past"
        return (None, text(moment)) if past else (_end(text(moment), type_), None)
    if operator == "in_last_days":
        return text(moment - days), _end(text(moment), type_)
    if operator == "in_next_days":
        return text(moment), _end(text(moment + days), type_)
    if operator == "more_than_days_ago":
        return None, text(moment - days)
    return _end(text(moment + days), type_), None


def flips(bound: Bound, expression: Sql, at: datetime, *, native: str = "") -> Sql:
    """`SELECT` of the moments at which a relative operator changes its answer about a value.

    They follow from `interval`: its ends move with time; its upper end reaches a value, its lower
    end leaves it behind.

    Args:
        at: the instant after which moments are asked for.
        native: as for `sql`.
    """
    days, day = timedelta(days=bound.operand or 0), timedelta(days=1)
    after = day if bound.spec.type == "date" else timedelta(microseconds=1)
    shifts = {
        "today": [timedelta(), day],
        "in_past": [after],
        "in_future": [timedelta()],
        "anniversary_in_days": [-days, day],
        "in_last_days": [timedelta(), days + after],
        "in_next_days": [-days, after],
        "more_than_days_ago": [days + after],
        "more_than_days_ahead": [-days],
    }[bound.operator.positive]
    moment, shown = _moment(expression, native), "m.t"
    if bound.operator.positive in ("today", "anniversary_in_days"):
        shown = "date_trunc('day', m.t, 'UTC')"
    if bound.operator.positive == "anniversary_in_days":
        # Those of this year and of the ones around it; the 29th of February becomes the 28th.
        year = f"{at.astimezone(UTC).year} - extract(year FROM m.t AT TIME ZONE 'UTC')::int"
        shown = f"{shown} + make_interval(years => {year} + y)"
        moment = Sql(f"SELECT m.t, y FROM ({moment.text}) m(t), generate_series(-1, 1) y",
                     moment.params)  # fmt: skip
        return Sql(
            f"SELECT {shown} + s.shift FROM ({moment.text}) m(t, y), unnest(%s::interval[])"
            " s(shift)",
            (*moment.params, shifts),
        )
    return Sql(
        f"SELECT {shown} + s.shift FROM ({moment.text}) m(t), unnest(%s::interval[]) s(shift)",
        (*moment.params, shifts),
    )


def anniversaries(days: int, at: datetime) -> list[str]:
    """Month and day, like 02-28, of today and so many days after; the 29th of February is kept on
    the 28th in other years."""
    today = at.astimezone(UTC).date()
    found = []
    for ahead in range(min(days, 366) + 1):
        day = today + timedelta(days=ahead)
        found.append(f"{day:%m-%d}")
        if found[-1] == "02-28" and (day + timedelta(days=1)).month == 3:
            found.append("02-29")
    return found


def _anniversary_sql(x: Sql, operand: int, at: datetime, native: str) -> Sql:
    zone = " AT TIME ZONE 'UTC'" if native == "timestamptz" else ""
    text = f"to_char({{x}}{zone}, 'YYYY-MM-DD')" if native else "substr({x}, 1, 10)"
    return surely(
        fill(
            f'({text} COLLATE "C" < {{today}} AND substr({text}, 6, 5) = ANY({{days}}))',
            x=x,
            today=value(at.astimezone(UTC).date().isoformat(), "text"),
            days=value(anniversaries(operand, at), "text[]"),
        )
    )


def _moment(x: Sql, native: str) -> Sql:
    """A date or moment as a query of a timestamptz; no row for what is none. Days are UTC days.

    Text is put together from its digits: text left from an earlier type may stand in its place,
    and a cast would fail on it.
    """
    if native:
        zone = "::timestamp AT TIME ZONE 'UTC'" if native == "date" else ""
        return Sql(f"SELECT {x.text}{zone}", x.params)
    return Sql(
        "SELECT (make_date(substr(v, 1, 4)::int, substr(v, 6, 2)::int, 1)"
        " + (substr(v, 9, 2)::int - 1) + make_interval("
        "hours => COALESCE(NULLIF(substr(v, 12, 2), ''), '0')::int,"
        " mins => COALESCE(NULLIF(substr(v, 15, 2), ''), '0')::int,"
        " secs => COALESCE(NULLIF(substr(v, 18, 9), ''), '0')::float8)) AT TIME ZONE 'UTC'"
        f" FROM (SELECT {x.text} AS v) given WHERE v ~ '^[1-9][0-9]{{3}}-(0[1-9]|1[0-2])-[0-3][0-9]"
        "(T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{6}Z)?$'",
        x.params,
    )


# --- one pair of functions per family: SQL and memory -------------------------------------------

# (operator, expression of the value, operand) -> condition that may be NULL for a missing value
SqlOf = Callable[[str, Sql, Any], Sql]
HoldsOf = Callable[[str, Any, Any], bool]
_SIGNS = {"equals": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_FOLDED = 'lower({x} COLLATE "C")'


def _text_sql(operator: str, x: Sql, operand: Any) -> Sql:
    if operator == "in":
        return fill(f"{_FOLDED} = ANY({{v}})", x=x, v=value(operand, "text[]"))
    v = value(operand, "text")
    template = {
        "equals": f"{_FOLDED} = {{v}}",
        "contains": f"strpos({_FOLDED}, {{v}}) > 0",
        "starts_with": f"starts_with({_FOLDED}, {{v}})",
        "ends_with": f"right({_FOLDED}, length({{v}})) = {{v}}",
    }[operator]
    return fill(template, x=x, v=v)


def _text_holds(operator: str, x: Any, operand: Any) -> bool:
    folded = fold(x)
    if operator == "equals":
        return bool(folded == operand)
    if operator == "in":
        return folded in operand
    if operator == "contains":
        return operand in folded
    return folded.startswith(operand) if operator == "starts_with" else folded.endswith(operand)


def _choice_sql(operator: str, x: Sql, operand: Any) -> Sql:
    wanted = operand if operator == "in" else [operand]
    return fill("{x} = ANY({v})", x=x, v=value(wanted, "text[]"))


def _choice_holds(operator: str, x: Any, operand: Any) -> bool:
    return x in operand if operator == "in" else bool(x == operand)


def _number_sql(operator: str, x: Sql, operand: Any) -> Sql:
    if operator == "in":
        return fill("{x} = ANY({v})", x=x, v=value(operand, "numeric[]"))
    if operator == "between":
        low, high = (value(item, "numeric") for item in operand)
        return fill("{x} BETWEEN {low} AND {high}", x=x, low=low, high=high)
    return fill(f"{{x}} {_SIGNS[operator]} {{v}}", x=x, v=value(operand, "numeric"))


def _number_holds(operator: str, x: Any, operand: Any) -> bool:
    number = Decimal(str(x))
    if operator == "in":
        return number in operand
    if operator == "between":
        return bool(operand[0] <= number <= operand[1])
    return {
        "equals": number == operand, "gt": number > operand, "gte": number >= operand,
        "lt": number < operand, "lte": number <= operand,
    }[operator]  # fmt: skip


def _boolean_sql(operator: str, x: Sql, operand: Any) -> Sql:
    return fill("{x}" if operator == "is_true" else "(NOT {x})", x=x)


def _boolean_holds(operator: str, x: Any, operand: Any) -> bool:
    return bool(x) if operator == "is_true" else not x


def _list_sql(operator: str, x: Sql, operand: Any) -> Sql:
    """`x` is a text[] expression with folded items."""
    wanted = value(operand if isinstance(operand, list) else [operand], "text[]")
    return fill(f"{{x}} {'@>' if operator == 'contains_all' else '&&'} {{v}}", x=x, v=wanted)


def _list_holds(operator: str, x: Any, operand: Any) -> bool:
    items = {fold(item) for item in x if isinstance(item, str)}
    if operator == "contains":
        return operand in items
    wanted = set(operand)
    return wanted <= items if operator == "contains_all" else bool(wanted & items)


_FAMILIES: dict[str, tuple[SqlOf, HoldsOf]] = {
    "text": (_text_sql, _text_holds),
    "link": (_text_sql, _text_holds),
    "choice": (_choice_sql, _choice_holds),
    "number": (_number_sql, _number_holds),
    "boolean": (_boolean_sql, _boolean_holds),
    "list": (_list_sql, _list_holds),
}
_JSON_TYPES: dict[str, type | tuple[type, ...]] = {
    "number": (int, float),
    "boolean": bool,
    "list": list,
}


def fits(type_: str, found: Any) -> bool:
    """Whether a stored value is of the type; one left from an earlier type counts as missing."""
    if type_ == "number" and isinstance(found, bool):
        return False
    return isinstance(found, _JSON_TYPES.get(type_, str))


def holds(bound: Bound, found: Any, at: datetime) -> bool:
    """Whether a stored value (None: missing) passes."""
    present = found is not None and fits(bound.spec.type, found)
    return (present and _compare(bound, found, at)) != bool(bound.operator.negates)


def _compare(bound: Bound, found: Any, at: datetime) -> bool:
    key, type_ = bound.operator.positive, bound.spec.type
    if key == "set":
        return True
    if key == "anniversary_in_days":
        today = at.astimezone(UTC).date().isoformat()
        return bool(found[:10] < today and found[5:10] in anniversaries(bound.operand, at))
    if type_ in ("date", "datetime"):
        low, high = interval(key, bound.operand, type_, at)
        return (low is None or found >= low) and (high is None or found < high)
    return _FAMILIES[type_][1](key, found, bound.operand)


def sql(bound: Bound, expression: Sql, at: datetime, *, native: str = "") -> Sql:
    """The same as a two-valued condition over an expression that is NULL when missing.

    Args:
        native: the server's own type of a date or moment column; "" for normalised text.
    """
    key, type_ = bound.operator.positive, bound.spec.type
    if key == "set":
        condition = fill("({x} IS NOT NULL)", x=expression)
    elif key == "anniversary_in_days":
        condition = _anniversary_sql(expression, bound.operand, at, native)
    elif type_ in ("date", "datetime"):
        condition = _interval_sql(expression, interval(key, bound.operand, type_, at), native)
    else:
        condition = surely(_FAMILIES[type_][0](key, expression, bound.operand))
    return negated(condition) if bound.operator.negates else condition


def _interval_sql(x: Sql, ends: tuple[Any, Any], native: str) -> Sql:
    template = "{x} {sign} {v}" if native else '({x} COLLATE "C") {sign} {v}'
    parts = [
        fill(template.replace("{sign}", sign), x=x, v=value(end, native or "text"))
        for sign, end in zip((">=", "<"), ends, strict=True)
        if end is not None
    ]
    # Open on both sides cannot be asked for; a calendar's end leaves "any value".
    return surely(joined(parts, "AND", fill("({x} IS NOT NULL)", x=x)))


def missing(operator: str, known: dict[str, Operator]) -> bool:
    """The answer where the value cannot be known: an attribute that is gone or changed type."""
    return bool(known[operator].negates) if operator in known else False


MISSING_SQL = {True: TRUE, False: FALSE}

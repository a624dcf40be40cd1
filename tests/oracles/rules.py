"""The rule language told plainly over plain values; knows nothing of trees, SQL or registries.

A subject is a dict: values (by attribute name), events (name, at, properties), companies or people
(the related subjects), segments (ids). `types` gives each attribute's type by subject.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

OPPOSITES = {
    "not_equals": "equals", "not_in": "in", "not_contains": "contains", "unset": "set",
    "contains_none": "contains_any",
}  # fmt: skip


def fits(rule: dict, subject: str, thing: dict, types: dict, at: datetime) -> bool:
    """Whether the rule is true of the thing."""
    if not rule:
        return True
    if "all" in rule:
        return all(fits(item, subject, thing, types, at) for item in rule["all"])
    if "any" in rule:
        return any(fits(item, subject, thing, types, at) for item in rule["any"])
    if "not" in rule:
        return not fits(rule["not"], subject, thing, types, at)
    if rule["test"] == "attribute":
        return attribute(rule, types[subject][rule["name"]], thing["values"], at)
    if rule["test"].startswith("event") or rule["test"] == "sequence":
        return EVENT_TESTS[rule["test"]](rule, thing, at)
    if rule["test"] == "usage":
        return usage(rule, thing, types["tree"], at)
    if rule["test"] in RECORDS:
        return records(rule, thing[RECORDS[rule["test"]]], at)
    if rule["test"] == "segment":
        return (rule["segment"] in thing["segments"]) == (rule.get("operator", "in") == "in")
    other = "company" if subject == "person" else "person"
    inner = rule.get("rule", {})
    answers = [fits(inner, other, thing_, types, at) for thing_ in thing["related"]]
    return {
        "any": any(answers),
        "all": bool(answers) and all(answers),
        "none": not any(answers),
        "at_least": sum(answers) >= rule.get("count", 1),
        "at_most": sum(answers) <= rule.get("count", 1),
        "percent": bool(answers) and sum(answers) / len(answers) >= rule.get("count", 1) / 100,
    }[rule.get("match", "any")]


def lower(text: str) -> str:
    """A-Z in lower case, nothing else."""
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in text)


def attribute(rule: dict, type_: str, values: dict, at: datetime) -> bool:
    """A test of one attribute."""
    found, operator, given = values.get(rule["name"]), rule["operator"], rule.get("value")
    right_type = {
        "number": isinstance(found, (int, float)) and not isinstance(found, bool),
        "boolean": isinstance(found, bool),
        "list": isinstance(found, list),
    }.get(type_, isinstance(found, str))
    if (found in (None, "", []) and not isinstance(found, bool)) or not right_type:
        return operator in OPPOSITES
    if operator in OPPOSITES:
        return not attribute({**rule, "operator": OPPOSITES[operator]}, type_, values, at)
    if operator == "set":
        return True
    if type_ == "number":
        return number(operator, Decimal(str(found)), given)
    if type_ == "boolean":
        return found == (operator == "is_true")
    if type_ == "list":
        return many(operator, {lower(i) for i in found if isinstance(i, str)}, given)
    if type_ == "choice":
        return found == given if operator == "equals" else found in given
    if type_ == "date":
        return day(operator, date.fromisoformat(found), given, at)
    if type_ == "datetime":
        return moment(operator, datetime.fromisoformat(found), given, at)
    return text(operator, lower(found), given)


def number(operator: str, found: Decimal, given: Any) -> bool:
    """Numbers."""
    if isinstance(given, list):
        wanted = [Decimal(str(item)) for item in given]
        return found in wanted if operator == "in" else wanted[0] <= found <= wanted[1]
    limit = Decimal(str(given))
    return {
        "equals": found == limit, "gt": found > limit, "gte": found >= limit,
        "lt": found < limit, "lte": found <= limit,
    }[operator]  # fmt: skip


def text(operator: str, found: str, given: Any) -> bool:
    """Text, A-Z in any case."""
    if operator == "in":
        return found in [lower(item) for item in given]
    part = lower(given)
    return {
        "equals": found == part, "contains": part in found,
        "starts_with": found[: len(part)] == part, "ends_with": found[-len(part) :] == part,
    }[operator]  # fmt: skip


def many(operator: str, found: set, given: Any) -> bool:
    """Lists."""
    if operator == "contains":
        return lower(given) in found
    wanted = [lower(item) for item in given]
    return all(w in found for w in wanted) if operator == "contains_all" else any(
        w in found for w in wanted
    )  # fmt: skip


def day(operator: str, found: date, given: Any, at: datetime) -> bool:
    """Dates: calendar days in UTC."""
    today = at.astimezone(UTC).date()
    if operator in ("today", "in_past", "in_future"):
        return {"today": found == today, "in_past": found < today, "in_future": found > today}[
            operator
        ]
    if operator == "anniversary_in_days":
        return anniversary(found, given, today)
    if operator == "between":
        return date.fromisoformat(given[0]) <= found <= date.fromisoformat(given[1])
    if isinstance(given, int):
        away = (found - today).days
        return {
            "in_last_days": -given <= away <= 0, "in_next_days": 0 <= away <= given,
            "more_than_days_ago": away < -given, "more_than_days_ahead": away > given,
        }[operator]  # fmt: skip
    limit = date.fromisoformat(given)
    return {"on": found == limit, "before": found < limit, "after": found > limit}[operator]


def moment(operator: str, found: datetime, given: Any, at: datetime) -> bool:
    """Moments; a rule may name whole days."""
    today, own = at.astimezone(UTC).date(), found.astimezone(UTC).date()
    if operator == "today":
        return own == today
    if operator in ("in_past", "in_future"):
        return found < at if operator == "in_past" else found > at
    if operator == "anniversary_in_days":
        return anniversary(own, given, today)
    if isinstance(given, int):
        span = timedelta(days=given)
        return {
            "in_last_days": at - span <= found <= at, "in_next_days": at <= found <= at + span,
            "more_than_days_ago": found < at - span, "more_than_days_ahead": found > at + span,
        }[operator]  # fmt: skip
    if operator == "between":
        return not moment("before", found, given[0], at) and not moment(
            "after", found, given[1], at
        )
    if len(given) == 10:
        whole = date.fromisoformat(given)
        own = found.astimezone(UTC).date()
        return {"on": own == whole, "before": own < whole, "after": own > whole}[operator]
    limit = datetime.fromisoformat(given)
    if operator == "on":
        return found.astimezone(UTC).date() == limit.astimezone(UTC).date()
    return found < limit if operator == "before" else found > limit


def anniversary(found: date, days: int, today: date) -> bool:
    """Whether a day of the past comes round within so many days."""
    return found < today and any(
        same_day(found, today + timedelta(days=ahead)) for ahead in range(min(days, 366) + 1)
    )


def same_day(found: date, day: date) -> bool:
    """Same month and day; the 29th of February is kept on the 28th where there is none."""
    leap = day.year % 4 == 0 and (day.year % 100 != 0 or day.year % 400 == 0)
    if (found.month, found.day) == (2, 29) and not leap:
        return (day.month, day.day) == (2, 28)
    return (found.month, found.day) == (day.month, day.day)


def picked(rule: dict, thing: dict, at: datetime) -> list[tuple[datetime, dict, Any]]:
    """Events of the rule's name within its window, as (time, properties, person)."""
    found = []
    created = datetime.fromisoformat(thing["values"]["created_at"])
    for name, happened, recorded, properties, person in thing["events"]:
        when = min(happened, recorded)
        day = when.astimezone(UTC).date().isoformat()
        bounds = (
            name == rule["name"]
            and when <= at
            and (rule.get("days") is None or when > at - timedelta(days=rule["days"]))
            and (not rule.get("since") or day >= rule["since"])
            and (not rule.get("until") or day <= rule["until"])
            and (
                rule.get("first_days") is None
                or created <= when < created + timedelta(days=rule["first_days"])
            )
        )
        if bounds and all(property_(demand, properties) for demand in rule.get("where", [])):
            found.append((when, properties, person))
    return found


def event(rule: dict, thing: dict, at: datetime) -> bool:
    """Counting events, days, people or values."""
    found = picked(rule, thing, at)
    measure = rule.get("measure", "times")
    if measure == "times":
        count = len(found)
    elif measure == "days":
        count = len({when.astimezone(UTC).date() for when, _, _ in found})
    elif measure == "people":
        count = len({person for _, _, person in found if person is not None})
    else:
        count = len(values_of(rule["property"], [properties for _, properties, _ in found]))
    wanted = rule.get("count", 1)
    return {
        "at_least": count >= wanted, "at_most": count <= wanted, "exactly": count == wanted,
        "between": wanted <= count <= (rule.get("most") or 0), "none": count == 0,
    }[rule.get("operator", "at_least")]  # fmt: skip


def values_of(name: str, bags: list[dict]) -> set:
    """Different texts (A-Z in any case), numbers and yes/no values."""
    found = set()
    for bag in bags:
        value = bag.get(name)
        if isinstance(value, bool):
            found.add(("yes/no", value))
        elif isinstance(value, (int, float)):
            found.add(("number", Decimal(str(value))))
        elif isinstance(value, str) and value:
            found.add(("text", lower(value)))
    return found


def event_value(rule: dict, thing: dict, at: datetime) -> bool:
    """Sums and the like, in fractions."""
    bag = [properties.get(rule["property"]) for _, properties, _ in picked(rule, thing, at)]
    numbers = [
        Fraction(str(v)) for v in bag if isinstance(v, (int, float)) and not isinstance(v, bool)
    ]
    measure = rule.get("measure", "sum")
    if not numbers and measure != "sum":
        return False
    result = {
        "sum": sum, "min": lambda all_: min(all_), "max": lambda all_: max(all_),
        "average": lambda all_: sum(all_) / len(all_),
    }[measure](numbers)  # fmt: skip
    limit = Fraction(str(rule["value"]))
    return {
        "gte": result >= limit, "lte": result <= limit, "gt": result > limit, "lt": result < limit,
        "equals": result == limit,
        "between": limit <= result <= Fraction(str(rule.get("upto") or 0)),
    }[rule.get("operator", "gte")]  # fmt: skip


def event_time(rule: dict, thing: dict, at: datetime) -> bool:
    """When it happened first or last."""
    times = [when for when, _, _ in picked(rule, thing, at)]
    operator = rule.get("operator", "more_than_days_ago")
    if operator == "unset" or not times:
        return operator == "unset" and not times
    if operator == "set":
        return True
    when = min(times) if rule.get("which") == "first" else max(times)
    return moment(operator, when, rule.get("value"), at)


def sequence(rule: dict, thing: dict, at: datetime) -> bool:
    """Event after event."""
    within, steps = timedelta(days=rule.get("within", 7)), rule["steps"]
    times = [[when for when, _, _ in picked(step, thing, at)] for step in steps]
    if rule.get("days") is not None:
        times[0] = [when for when in times[0] if when > at - timedelta(days=rule["days"])]
    missing = rule.get("outcome") == "not_followed"

    def leads(place: int, when: datetime) -> bool:
        if place == len(steps) - 1:
            return True
        near = [later for later in times[place + 1] if when < later <= when + within]
        if missing and place == len(steps) - 2:
            return when + within <= at and not near
        return any(leads(place + 1, later) for later in near)

    return sum(leads(0, when) for when in times[0]) >= rule.get("count", 1)


EVENT_TESTS = {
    "event": event, "event_value": event_value, "event_time": event_time, "sequence": sequence,
}  # fmt: skip


def usage(rule: dict, thing: dict, tree: dict, at: datetime) -> bool:
    """Use of the features below a part, each event for the first feature that it fits."""
    part = tree.get(rule["part"], {"features": [], "adopted": None})
    operator = rule.get("operator", "at_least")
    if operator in ("adopted", "not_adopted"):
        threshold = part["adopted"]
        if threshold is None:
            return operator == "not_adopted"
        measure, count, days = threshold
        asked = {"part": rule["part"], "measure": measure, "count": count, "days": days}
        return usage(asked, thing, tree, at) == (operator == "adopted")
    used: dict = {}
    for place, feature in enumerate(part["features"]):
        window = {key: rule.get(key) for key in ("days", "since", "until", "first_days")}
        for index, happening in enumerate(thing["events"]):
            if index not in used and picked(
                {**feature, **window}, {**thing, "events": [happening]}, at
            ):
                used[index] = place
    events = [thing["events"][index] for index in used]
    measure = rule.get("measure", "times")
    count = {
        "times": len(events),
        "days": len({min(e[1], e[2]).astimezone(UTC).date() for e in events}),
        "people": len({e[4] for e in events if e[4] is not None}),
        "features": len(set(used.values())),
    }["times" if operator == "none" else measure]
    wanted = rule.get("count", 1)
    return {
        "at_least": count >= wanted, "at_most": count <= wanted, "exactly": count == wanted,
        "between": wanted <= count <= (rule.get("most") or 0), "none": count == 0,
    }[operator]  # fmt: skip


RECORDS = {"subscription": "subscriptions", "invoice": "invoices"}
RECORD_TYPES = {
    "plan": "text", "status": "choice", "mrr": "number", "ends_on": "date", "amount": "number",
    "due_on": "date", "unpaid_due_on": "date", "notice_until": "date",
}  # fmt: skip


def records(rule: dict, rows: list[dict], at: datetime) -> bool:
    """Records that fit all conditions."""
    told = [derived(row) for row in rows]
    fit = [
        row for row in told
        if all(
            attribute({**item, "name": item["field"]}, RECORD_TYPES[item["field"]], row, at)
            for item in rule.get("where", [])
        )
    ]  # fmt: skip
    name = "mrr" if rule["test"] == "subscription" else "amount"
    total = sum((Fraction(str(row[name])) for row in fit if row.get(name) is not None), Fraction(0))
    count = Fraction(str(rule.get("count", 1)))
    return {
        "any": bool(fit), "none": not fit, "all": bool(told) and len(fit) == len(told),
        "at_least": len(fit) >= count, "at_most": len(fit) <= count,
        "sum_at_least": total >= count, "sum_at_most": total <= count,
    }[rule.get("match", "any")]  # fmt: skip


def derived(row: dict) -> dict:
    """With the days that are worked out."""
    found = dict(row)
    if row.get("status") == "open":
        found["unpaid_due_on"] = row.get("due_on")
    if row.get("ends_on") and row.get("notice_days") is not None:
        end = date.fromisoformat(row["ends_on"]) - timedelta(days=row["notice_days"])
        found["notice_until"] = end.isoformat()
    return found


def property_(demand: dict, properties: dict) -> bool:
    """A demand on one property of an event."""
    found, given = properties.get(demand["property"]), demand.get("value")
    operator = demand.get("operator", "equals")
    if found is None or found == "":
        return operator in OPPOSITES
    if operator in OPPOSITES:
        return not property_({**demand, "operator": OPPOSITES[operator]}, properties)
    if operator == "set":
        return True
    if operator in ("is_true", "is_false"):
        return found is (operator == "is_true")
    if operator in ("equals", "in"):
        return any(same(found, item) for item in (given if operator == "in" else [given]))
    is_number = isinstance(found, (int, float)) and not isinstance(found, bool)
    if operator in ("gt", "gte", "lt", "lte"):
        return is_number and number(operator, Decimal(str(found)), given)
    written = str(given).lower() if isinstance(given, bool) else str(given)
    return isinstance(found, str) and text(operator, lower(found), written)


def same(found: Any, given: Any) -> bool:
    """Text, numbers and yes/no are the same when they are written the same."""
    if isinstance(found, str):
        return lower(found) == lower(str(given))
    if isinstance(found, bool):
        return lower(str(given)) == str(found).lower()
    if isinstance(found, (int, float)) and not isinstance(given, bool):
        try:
            return Decimal(str(found)) == Decimal(str(given))
        except ArithmeticError:
            return False
    return False

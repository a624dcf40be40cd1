"""Random small worlds of people, companies and events, stored and as plain values; random rules."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from hypothesis import strategies as st

from csplatform.billing.models import Invoice, Subscription
from csplatform.customers.models import (
    AttributeDefinition,
    Company,
    EventName,
    Membership,
    Person,
)
from csplatform.rules.operators import OPERATORS
from csplatform.rules.records import MATCHES
from csplatform.usage.operations.tree import PartInput, save_part
from tests.oracles.rules import RECORD_TYPES

AT = datetime(2026, 3, 15, 12, 30, tzinfo=UTC)
CREATED = AT - timedelta(days=5, hours=3)
DECLARED = {
    "x_text": "text", "x_link": "link", "x_number": "number", "x_boolean": "boolean",
    "x_date": "date", "x_moment": "datetime", "x_choice": "choice", "x_list": "list",
}  # fmt: skip
TYPES: dict[str, Any] = {
    "person": {**DECLARED, "role": "text", "persona": "text", "email": "text"},
    "company": {
        **DECLARED, "name": "text", "arr": "number", "renewal_date": "date", "tags": "list",
        "stage": "choice",
    },
}  # fmt: skip
# The usage tree: features by the path of each part, and when it is adopted.
_P_IS_A = [{"property": "p", "operator": "equals", "value": "a"}]
_FEATURES = {
    "app/one/first": [{"name": "login", "where": _P_IS_A}],
    "app/one/second": [{"name": "login", "where": []}],
    "app/two/third": [{"name": "export", "where": []}],
}
TYPES["tree"] = {
    "app": {
        "features": [feature for found in _FEATURES.values() for feature in found],
        "adopted": ("days", 2, 6),
    },
    "app/one": {
        "features": [*_FEATURES["app/one/first"], *_FEATURES["app/one/second"]],
        "adopted": ("features", 2, 30),
    },
    "app/two": {"features": _FEATURES["app/two/third"], "adopted": None},
    "app/three": {"features": [], "adopted": None},
    **{path: {"features": found, "adopted": ("times", 1, 2)} for path, found in _FEATURES.items()},
}  # fmt: skip
CHOICES = ["gold", "Silver", "br%nze"]
EVENTS = ["login", "export"]

# Few values, so that they meet; with everything that SQL could trip over.
WORDS = ["a", "A", "ab", "Ab%", "_b", "100%", "o'x", '"q"', "É", "ß", "\\", "42", "true", "b a"]
words = st.sampled_from(WORDS)
numbers = st.sampled_from([0, 1, -1, 2, 2.5, 42, 0.1, 1e-7, 99999999999])
money = st.sampled_from([0, 1, 2, 2.5, 42, 1000.01])
days = st.integers(-12, 12).map(lambda n: (AT + timedelta(days=n)).date().isoformat())


@st.composite
def moments(draw: st.DrawFn) -> str:
    """Normalised moments around AT, often exactly on an edge."""
    offset = timedelta(
        days=draw(st.integers(-6, 6)),
        microseconds=draw(st.sampled_from([0, 0, 1, -1, 3_600_000_000])),
    )
    return (AT + offset).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


VALUES = {
    "text": words, "link": words.map(lambda w: f"https://{w}"), "number": numbers,
    "boolean": st.booleans(), "date": days, "datetime": moments(),
    "choice": st.sampled_from(CHOICES), "list": st.lists(words, max_size=3),
}  # fmt: skip
# What an attribute may hold from the days when it had another type.
STALE = st.sampled_from([None, True, 7, {"k": 1}, [], ["a"], [1]])
PROPERTIES = ["p", "q%"]
property_values = st.one_of(
    words, numbers, st.booleans(), st.none(), st.just(""), st.just([1]), st.just({"k": "a"})
)


@dataclass
class Drawn:
    """A world to be stored: one entry per subject, links and events by index."""

    people: list[dict[str, Any]] = field(default_factory=list)
    companies: list[dict[str, Any]] = field(default_factory=list)
    links: set[tuple[int, int]] = field(default_factory=set)
    events: list[tuple[int | None, int | None, str, datetime, datetime, dict]] = field(
        default_factory=list
    )


@st.composite
def attributes(draw: st.DrawFn) -> dict[str, Any]:
    """Values of declared attributes, some missing, some of an earlier type."""
    found = {}
    for name, type_ in DECLARED.items():
        kind = draw(st.integers(0, 9))
        if kind < 6:
            found[name] = draw(VALUES[type_])
        elif kind == 6:
            stale = draw(STALE)
            if not (isinstance(stale, str) and type_ in ("date", "datetime")):
                found[name] = stale
    return found


maybe_day = st.one_of(st.none(), days)
subscriptions = st.fixed_dictionaries({
    "plan": st.one_of(st.just(""), words), "status": st.sampled_from(["active", "ended"]),
    "mrr": st.one_of(st.none(), money), "ends_on": maybe_day,
    "notice_days": st.sampled_from([None, 0, 3]),
})  # fmt: skip
invoices = st.fixed_dictionaries(
    {"amount": money, "due_on": maybe_day, "status": st.sampled_from(["open", "paid", "void"])}
)


@st.composite
def worlds(draw: st.DrawFn) -> Drawn:
    """Three to five people, two companies, some events."""
    world = Drawn()
    optional = st.one_of(st.just(""), words)
    for _ in range(draw(st.integers(3, 5))):
        world.people.append(
            {"role": draw(optional), "persona": draw(optional), "attributes": draw(attributes())}
        )
    for _ in range(2):
        world.companies.append(
            {
                "name": draw(words),
                "arr": draw(st.one_of(st.none(), money)),
                "renewal_date": draw(st.one_of(st.none(), days)),
                "tags": draw(st.lists(words, max_size=2)),
                "stage": draw(st.sampled_from(["trial", "live"])),
                "attributes": draw(attributes()),
                "subscriptions": draw(st.lists(subscriptions, max_size=2)),
                "invoices": draw(st.lists(invoices, max_size=3)),
            }
        )
    indexes = st.integers(0, len(world.people) - 1)
    world.links = draw(st.sets(st.tuples(indexes, st.integers(0, 1)), max_size=6))
    for _ in range(draw(st.integers(0, 9))):
        world.events.append(draw(events(len(world.people))))
    return world


@st.composite
def events(draw: st.DrawFn, people: int) -> Any:
    """One event around AT, sometimes with a clock that is ahead."""
    happened = AT + draw(
        st.sampled_from(
            [
                timedelta(0),
                timedelta(days=-1),
                timedelta(days=-2),
                timedelta(days=-5),
                timedelta(days=-4, hours=2),
                timedelta(hours=1),
            ]
        )
    )
    recorded = happened + draw(st.sampled_from([timedelta(0), timedelta(hours=-3)]))
    properties = draw(st.dictionaries(st.sampled_from(PROPERTIES), property_values, max_size=2))
    person = draw(st.one_of(st.none(), st.integers(0, people - 1)))
    company = draw(st.one_of(st.none(), st.integers(0, 1)))
    return person, company, draw(st.sampled_from(EVENTS)), happened, recorded, properties


def declare() -> None:
    """The declared attributes of both subjects, and the usage tree."""
    for path, part in TYPES["tree"].items():
        parent, _, name = path.rpartition("/")
        measure, count, span = part["adopted"] or ("", None, None)
        event = part["features"][0] if path in _FEATURES else {"name": "", "where": []}
        save_part(
            PartInput(name, name, parent, event["name"], event["where"], measure, count, span),
            actor=None,
        )
    AttributeDefinition.objects.bulk_create(
        AttributeDefinition(
            subject=subject, name=name, label=name, type=type_,
            choices=CHOICES if type_ == "choice" else [],
        )
        for subject in TYPES
        for name, type_ in DECLARED.items()
    )  # fmt: skip


def store(world: Drawn) -> tuple[dict[int, dict], dict[int, dict]]:
    """Write the world; the same as plain subjects for the oracle, by id."""
    people = Person.objects.bulk_create(Person(**row) for row in world.people)
    plain = ("subscriptions", "invoices")
    companies = Company.objects.bulk_create(
        Company(**{key: value for key, value in row.items() if key not in plain})
        for row in world.companies
    )
    for made, row in zip(companies, world.companies, strict=True):
        Subscription.objects.bulk_create(
            Subscription(company=made, **one) for one in row["subscriptions"]
        )
        Invoice.objects.bulk_create(Invoice(company=made, **one) for one in row["invoices"])
    for made in (*people, *companies):  # bulk_create gave them the present
        made.created_at = CREATED
    Person.objects.update(created_at=CREATED)
    Company.objects.update(created_at=CREATED)
    Membership.objects.bulk_create(
        Membership(person=people[p], company=companies[c]) for p, c in sorted(world.links)
    )
    names = {name: EventName.objects.create(name=name).pk for name in EVENTS}
    with connection.cursor() as cursor:
        for person, company, name, happened, recorded, properties in world.events:
            cursor.execute(
                "INSERT INTO customers_event"
                " (name_id, person_id, company_id, occurred_at, recorded_at, properties)"
                " VALUES (%s, %s, %s, %s, %s, %s)",
                [
                    names[name],
                    None if person is None else people[person].pk,
                    None if company is None else companies[company].pk,
                    happened,
                    recorded,
                    _json(properties),
                ],
            )
    plain_people = [
        _plain(row, world.events, 0, i, people[i]) for i, row in enumerate(world.people)
    ]
    plain_companies = [
        _plain(row, world.events, 1, i, companies[i]) for i, row in enumerate(world.companies)
    ]
    for p, c in world.links:
        plain_people[p]["related"].append(plain_companies[c])
        plain_companies[c]["related"].append(plain_people[p])
    return (
        {person.pk: plain for person, plain in zip(people, plain_people, strict=True)},
        {company.pk: plain for company, plain in zip(companies, plain_companies, strict=True)},
    )


def _json(value: Any) -> str:
    return connection.ops.adapt_json_value(value, None).dumps(value)


def _plain(row: dict, events_: list, place: int, index: int, made: Any) -> dict:
    values = {key: value for key, value in row.items() if key != "attributes"}
    return {
        "values": {**values, **row["attributes"], "created_at": made.created_at.isoformat()},
        "events": [(*event[2:], event[0]) for event in events_ if event[place] == index],
        "related": [],
        "segments": set(),
        "subscriptions": row.get("subscriptions", []),
        "invoices": row.get("invoices", []),
    }


# --- random rules -------------------------------------------------------------------------------

relative = st.integers(0, 6)


def _operand(type_: str, operator: str) -> st.SearchStrategy[Any]:
    """Values that an operator of a type takes."""
    if operator in ("set", "unset", "is_true", "is_false", "today", "in_past", "in_future"):
        return st.none()
    if operator.endswith(("_days", "_ago", "_ahead")):
        return relative
    one = {
        "list": words, "text": words, "link": words, "number": numbers, "date": days,
        "choice": st.sampled_from(CHOICES), "datetime": st.one_of(days, moments()),
    }[type_]  # fmt: skip
    if operator == "between":
        pair = days if type_ == "datetime" else one
        return st.tuples(pair, pair).map(sorted)
    if operator in ("in", "not_in", "contains_any", "contains_all", "contains_none"):
        return st.lists(one, min_size=1, max_size=3)
    return one


@st.composite
def attribute_tests(draw: st.DrawFn, subject: str) -> dict[str, Any]:
    """A fit test of an attribute."""
    name = draw(st.sampled_from([n for n in TYPES[subject] if n != "stage"]))
    type_ = TYPES[subject][name]
    operator = draw(st.sampled_from(list(OPERATORS[type_])))
    rule = {"test": "attribute", "name": name, "operator": operator}
    operand = draw(_operand(type_, operator))
    return rule if operand is None else {**rule, "value": operand}


@st.composite
def demands(draw: st.DrawFn) -> dict[str, Any]:
    """A fit demand on a property."""
    operator = draw(
        st.sampled_from(
            ["equals", "not_equals", "in", "not_in", "contains", "not_contains", "starts_with",
             "ends_with", "gt", "gte", "lt", "lte", "set", "unset", "is_true", "is_false"]
        )
    )  # fmt: skip
    demand: dict[str, Any] = {"property": draw(st.sampled_from(PROPERTIES)), "operator": operator}
    if operator in ("gt", "gte", "lt", "lte"):
        demand["value"] = draw(st.sampled_from([0, 1, 2.5, 42, "42"]))
    elif operator in ("in", "not_in"):
        demand["value"] = draw(st.lists(st.one_of(words, numbers), min_size=1, max_size=3))
    elif operator not in ("set", "unset", "is_true", "is_false"):
        demand["value"] = draw(st.one_of(words, st.sampled_from([42, 2.5, True, False])))
    return demand


@st.composite
def windows(draw: st.DrawFn) -> dict[str, Any]:
    """When events count."""
    kind = draw(st.integers(0, 4))
    if kind < 2:
        return {"days": draw(st.sampled_from([1, 2, 4, 30]))}
    if kind == 2:
        return {"first_days": draw(st.sampled_from([1, 3, 5, 9]))}
    if kind == 3:
        since, until = draw(st.tuples(days, days).map(sorted))
        return draw(st.sampled_from([{"since": since, "until": until}, {"until": until}]))
    return {}


names_of_events = st.sampled_from([*EVENTS, "never_seen"])


@st.composite
def event_tests(draw: st.DrawFn, subject: str = "company") -> dict[str, Any]:
    """A fit test of events of any kind."""
    kind = draw(st.integers(0, 6))
    where = draw(st.lists(demands(), max_size=2))
    if kind == 0:
        return draw(sequence_tests())
    about = {"name": draw(names_of_events), "where": where}
    if kind == 1:
        operator = draw(st.sampled_from(list(OPERATORS["datetime"])))
        rule = {
            "test": "event_time", **about, "operator": operator,
            "which": draw(st.sampled_from(["first", "last"])),
        }  # fmt: skip
        operand = draw(_operand("datetime", operator))
        return rule if operand is None else {**rule, "value": operand}
    if kind == 2:
        low, high = draw(st.tuples(numbers, numbers).map(sorted))
        return {
            "test": "event_value", **about, **draw(windows()), "value": low, "upto": high,
            "property": draw(st.sampled_from(PROPERTIES)),
            "measure": draw(st.sampled_from(["sum", "average", "min", "max"])),
            "operator": draw(st.sampled_from(["gte", "lte", "gt", "lt", "equals", "between"])),
        }  # fmt: skip
    measures = ["times", "times", "days", "values", *(["people"] if subject == "company" else [])]
    measure = draw(st.sampled_from(measures))
    low = draw(st.integers(0, 3))
    return {
        "test": "event", **about, **draw(windows()), "count": low,
        "operator": draw(st.sampled_from(["at_least", "at_most", "exactly", "between", "none"])),
        "most": low + draw(st.integers(0, 2)),
        "measure": measure,
        "property": draw(st.sampled_from(PROPERTIES)) if measure == "values" else "",
    }  # fmt: skip


@st.composite
def usage_tests(draw: st.DrawFn, subject: str) -> dict[str, Any]:
    """A fit test of the usage tree."""
    operator = draw(st.sampled_from(
        ["at_least", "at_most", "exactly", "between", "none", "adopted", "not_adopted"]
    ))  # fmt: skip
    adopted = operator.endswith("adopted")
    tree = TYPES["tree"]
    parts = [path for path, part in tree.items() if part["adopted"] or not adopted]
    measures = ["times", "days", "features", *(["people"] if subject == "company" else [])]
    low = draw(st.integers(0, 3))
    rule = {"test": "usage", "part": draw(st.sampled_from(parts)), "operator": operator}
    return rule if adopted else {
        **rule, **draw(windows()), "count": low, "most": low + draw(st.integers(0, 2)),
        "measure": draw(st.sampled_from(measures)),
    }  # fmt: skip


RECORD_FIELDS = {
    "subscription": ["plan", "status", "mrr", "ends_on", "notice_until"],
    "invoice": ["amount", "due_on", "unpaid_due_on", "status"],
}


@st.composite
def record_tests(draw: st.DrawFn) -> dict[str, Any]:
    """A fit test of what companies pay."""
    kind = draw(st.sampled_from(list(RECORD_FIELDS)))
    where = []
    for name in draw(st.lists(st.sampled_from(RECORD_FIELDS[kind]), max_size=2)):
        type_ = RECORD_TYPES[name]
        operator = draw(st.sampled_from(list(OPERATORS[type_])))
        item = {"field": name, "operator": operator}
        operand = draw(_operand(type_, operator))
        if type_ == "choice" and operand is not None:
            known = ["active", "ended"] if kind == "subscription" else ["open", "paid", "void"]
            operand = known[:2] if isinstance(operand, list) else draw(st.sampled_from(known))
        where.append(item if operand is None else {**item, "value": operand})
    match = draw(st.sampled_from(list(MATCHES)))
    count = draw(st.sampled_from([0, 1, 2])) if match.startswith("at") else draw(money)
    return {"test": kind, "match": match, "count": count, "where": where}


@st.composite
def sequence_tests(draw: st.DrawFn) -> dict[str, Any]:
    """A fit test of events that follow each other."""
    step = st.fixed_dictionaries(
        {"name": names_of_events, "where": st.lists(demands(), max_size=1)}
    )
    return {
        "test": "sequence",
        "steps": draw(st.lists(step, min_size=2, max_size=3)),
        "within": draw(st.sampled_from([1, 2, 3, 7])),
        "outcome": draw(st.sampled_from(["followed", "not_followed"])),
        "count": draw(st.sampled_from([1, 1, 2])),
        "days": draw(st.sampled_from([None, 3, 6])),
    }


@st.composite
def relation_tests(draw: st.DrawFn, subject: str, depth: int) -> dict[str, Any]:
    """A fit test that crosses to the related subjects."""
    if subject == "person":
        match = draw(st.sampled_from(["any", "all", "none"]))
        return {"test": "company", "match": match, "rule": draw(rules("company", depth - 1))}
    match = draw(st.sampled_from(["any", "all", "none", "at_least", "at_most", "percent"]))
    rule = draw(rules("person", depth - 1))
    if match == "percent":
        return {"test": "people", "match": match, "count": 50, "rule": rule}
    return {"test": "people", "match": match, "count": draw(st.integers(1, 3)), "rule": rule}


@st.composite
def rules(draw: st.DrawFn, subject: str, depth: int = 3) -> dict[str, Any]:
    """A fit rule."""
    kind = draw(st.integers(0, 9))
    if depth <= 0 or kind < 4:
        return draw(attribute_tests(subject))
    if kind == 4:
        return draw(event_tests(subject))
    if kind == 5:
        others = [usage_tests(subject), event_tests(subject)]
        return draw(st.one_of(*others, *([record_tests()] * 2 if subject == "company" else [])))
    if kind == 6:
        return draw(relation_tests(subject, min(depth, 2)))
    if kind == 7:
        return {"not": draw(rules(subject, depth - 1))}
    items = draw(st.lists(rules(subject, depth - 1), max_size=3))
    return {"all" if kind == 8 else "any": items}

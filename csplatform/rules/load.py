"""Loading facts for rules that are answered in memory: a constant number of queries."""

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from csplatform.customers.attributes import BUILT_IN, normal
from csplatform.kit import sql
from csplatform.kit.registry import Registry
from csplatform.rules.facts import EVER, Facts, Happening, Needs
from csplatform.rules.scope import TABLES

OTHER = {"person": "company", "company": "person"}

# (subject, ids, which of the source's own ids, past instant or None) -> those pairs
# (own id, subject id) that are true, or what is known by pair; of the others nothing is (False).
Pairs = set[tuple[int, int]] | Mapping[tuple[int, int], Any]
FactSource = Callable[[str, Collection[int], Collection[int], datetime | None], Pairs]
fact_sources: Registry[FactSource] = Registry("source of facts")


def load_facts(
    subject: str, ids: Collection[int], needs: Needs, at: datetime, *, past: bool = False
) -> dict[int, Facts]:
    """Facts of subjects by id; unknown ids are left out.

    Args:
        needs: of `references.needs_of` for all rules that will be asked.
        at: the instant of the questions; windows of events reach back from it.
        past: load what was known at `at` rather than what is known now.
    """
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    moment = at if past else None
    rows = _rows(subject, wanted, moment)
    events = _events(subject, wanted, needs, at, moment)
    related = _related(subject, wanted, needs, at, past)
    extra = _extra(subject, wanted, needs, moment)
    return {
        row["id"]: Facts(
            subject=subject,
            id=row["id"],
            alive=row["alive"],
            columns=row["columns"],
            attributes=row["attributes"],
            label=row["label"],
            events=events.get(row["id"], {}),
            extra={key: known.get(row["id"], False) for key, known in extra.items()},
            **{_plural(OTHER[subject]): tuple(related.get(row["id"], ()))},
        )
        for row in rows
    }


def _plural(subject: str) -> str:
    return "companies" if subject == "company" else "people"


def _rows(subject: str, ids: list[int], moment: datetime | None) -> list[dict[str, Any]]:
    """Columns and attributes of the subjects, wound back to `moment` if given."""
    specs = BUILT_IN[subject]
    names = [spec.column for spec in specs.values()]
    dead = "merged_into_id IS NOT NULL" + (
        " OR erased_at IS NOT NULL" if subject == "person" else ""
    )
    found = []
    rows = sql.rows(
        f"SELECT id, NOT ({dead}), {', '.join(names)}, attributes::text FROM {TABLES[subject]}"
        " WHERE id = ANY(%s::bigint[])",
        [ids],
    )
    undone = _undone(subject, ids, moment) if moment else {}
    for id_, alive, *values, attributes in rows:
        columns = {name: normal(raw) for name, raw in zip(names, values, strict=True)}
        declared = json.loads(attributes)
        if moment:
            alive = alive and values[names.index("created_at")] <= moment
            for name, old in undone.get(id_, {}).items():
                (columns if name in specs else declared)[name] = old
        label = columns.get("name") or columns.get("email") or f"{subject.capitalize()} {id_}"
        found.append(
            {"id": id_, "alive": alive, "columns": columns, "attributes": declared, "label": label}
        )
    return found


def _undone(subject: str, ids: list[int], moment: datetime) -> dict[int, dict[str, Any]]:
    """The values that changed after a moment, as they were then."""
    rows = sql.rows(
        "SELECT DISTINCT ON (subject_id, name) subject_id, name, old::text"
        " FROM customers_attributechange"
        " WHERE subject = %s AND subject_id = ANY(%s::bigint[]) AND recorded_at > %s"
        " ORDER BY subject_id, name, id",
        [subject, ids, moment],
    )
    found: dict[int, dict[str, Any]] = defaultdict(dict)
    for id_, name, old in rows:
        found[id_][name] = json.loads(old) if old is not None else None
    return found


def _events(
    subject: str, ids: list[int], needs: Needs, at: datetime, moment: datetime | None
) -> dict[int, dict[str, tuple[Happening, ...]]]:
    """The named events, each back to the longest window that is asked for."""
    if not needs.events:
        return {}
    since: dict[str, datetime | None] = {}
    for name, days in needs.events:
        start = None if days == EVER else at - timedelta(days=days)
        known = since.get(name, start)
        since[name] = None if start is None or known is None else min(known, start)
    rows = sql.rows(
        f"SELECT e.{subject}_id, n.name, LEAST(e.occurred_at, e.recorded_at), e.properties::text"
        " FROM unnest(%s::text[], %s::timestamptz[]) w(name, since)"
        " JOIN customers_eventname n ON n.name = w.name"
        " JOIN customers_event e ON e.name_id = n.id"
        f" WHERE e.{subject}_id = ANY(%s::bigint[])"
        " AND (e.occurred_at <= %s OR e.recorded_at <= %s)"
        " AND (w.since IS NULL OR (e.occurred_at > w.since AND e.recorded_at > w.since))"
        + (" AND e.recorded_at <= %s" if moment else ""),
        [list(since), list(since.values()), ids, at, at, *([moment] if moment else [])],
    )
    found: dict[int, dict[str, tuple[Happening, ...]]] = defaultdict(dict)
    grouped: dict[tuple[int, str], list[Happening]] = defaultdict(list)
    for id_, name, occurred_at, properties in rows:
        grouped[id_, name].append(Happening(occurred_at, json.loads(properties)))
    for (id_, name), events in grouped.items():
        found[id_][name] = tuple(events)
    return found


def _related(
    subject: str, ids: list[int], needs: Needs, at: datetime, past: bool
) -> dict[int, list[Facts]]:
    """Facts of the companies of people or of the people of companies."""
    below = needs.companies if subject == "person" else needs.people
    if below is None:
        return {}
    other = OTHER[subject]
    pairs = _links(subject, ids, at if past else None)
    facts = load_facts(other, {their for _, their in pairs}, below, at, past=past)
    found: dict[int, list[Facts]] = defaultdict(list)
    for own, their in sorted(pairs):
        if their in facts:
            found[own].append(facts[their])
    return found


def _links(subject: str, ids: list[int], moment: datetime | None) -> set[tuple[int, int]]:
    """(own id, related id) of memberships, now or as known at a moment."""
    own, their = f"{subject}_id", f"{OTHER[subject]}_id"
    pairs = set(
        sql.rows(
            f"SELECT {own}, {their} FROM customers_membership WHERE {own} = ANY(%s::bigint[])",
            [ids],
        )
    )
    if moment is None:
        return pairs
    later = sql.rows(
        f"SELECT DISTINCT ON ({own}, {their}) {own}, {their}, joined"
        f" FROM customers_membershipchange WHERE {own} = ANY(%s::bigint[]) AND recorded_at > %s"
        f" ORDER BY {own}, {their}, id",
        [ids, moment],
    )
    for mine, other, joined in later:
        (pairs.discard if joined else pairs.add)((mine, other))
    return pairs


def _extra(
    subject: str, ids: list[int], needs: Needs, moment: datetime | None
) -> dict[tuple[str, int], dict[int, Any]]:
    """Answers of the fact sources of rooms above: by (source, its id) what is known of whom."""
    asked: dict[str, set[int]] = defaultdict(set)
    for source, own in needs.extra:
        asked[source].add(own)
    found: dict[tuple[str, int], dict[int, Any]] = {pair: {} for pair in needs.extra}
    for source, owns in asked.items():
        pairs = fact_sources.get(source)(subject, ids, owns, moment)
        known = pairs if isinstance(pairs, Mapping) else dict.fromkeys(pairs, True)
        for (own, id_), value in known.items():
            found[source, own][id_] = value
    return found

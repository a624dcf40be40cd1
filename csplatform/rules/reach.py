"""Whom a change concerns: from touched facts to the subjects of rules that read them."""

from collections import defaultdict
from collections.abc import Collection, Iterable

from csplatform.freshness.loop import Touched
from csplatform.kit import sql
from csplatform.rules.kind import FactKey
from csplatform.rules.load import OTHER
from csplatform.rules.parse import MAX_CROSSINGS


def key_text(key: FactKey) -> str:
    """A fact key as text, for arrays in the database that are searched by `touched_texts`."""
    return f"{key.subject}:{key.key}:{key.hops}"


def touched_texts(touched: Touched) -> list[str]:
    """All texts of `key_text` that a rule may have stored and that this concerns."""
    names = {name for key in touched.keys for name in (key, f"{key.split('.', 1)[0]}.*")}
    return [
        key_text(FactKey(touched.subject, name, hops))
        for name in sorted(names)
        for hops in range(MAX_CROSSINGS + 2)
    ]


def affected_ids(touched: Touched, keys: Iterable[FactKey], subject: str) -> set[int]:
    """Subjects whose answer may have changed.

    Args:
        touched: what a freshness consumer was handed.
        keys: of `references.fact_keys` for a rule about `subject`.

    A company's change reaches its people over their memberships and the other way round; so does
    the end of a membership, which is why past ones count too.
    """
    by_hops: dict[int, set[str]] = defaultdict(set)
    for key in keys:
        if key.subject == touched.subject:
            by_hops[key.hops].add(key.key)
    found: set[int] = set()
    for hops, names in by_hops.items():
        ids = touched.ids_for(frozenset(names))
        whose = touched.subject
        for _ in range(hops):
            ids = _across(whose, ids)
            whose = OTHER[whose]
        if whose == subject:
            found |= ids
    return found


def _across(subject: str, ids: Collection[int]) -> set[int]:
    """Companies where people work or worked; people who work or worked at companies."""
    if not ids:
        return set()
    own, their = f"{subject}_id", f"{OTHER[subject]}_id"
    wanted = list(ids)
    rows = sql.rows(
        f"SELECT {their} FROM customers_membership WHERE {own} = ANY(%s::bigint[])"
        f" UNION SELECT {their} FROM customers_membershipchange WHERE {own} = ANY(%s::bigint[])",
        [wanted, wanted],
    )
    return {row[0] for row in rows}

"""Rules as SQL: the only compiler. Walks the tree and asks the kinds; cleverness lives in no kind.

All statements here see the present. Every leaf is two-valued, so AND, OR and NOT mean what they
mean in the rule.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from csplatform.kit import sql as database
from csplatform.rules.registry import rule_kinds
from csplatform.rules.scope import Scope
from csplatform.rules.sqltext import FALSE, TRUE, Sql, joined, negated
from csplatform.rules.tree import AllOf, AnyOf, Node, Not


def condition(node: Node, scope: Scope) -> Sql:
    """The rule as a two-valued condition over the row `scope.alias`."""
    if isinstance(node, AllOf):
        return joined((condition(item, scope) for item in node.items), "AND", TRUE)
    if isinstance(node, AnyOf):
        return joined((condition(item, scope) for item in node.items), "OR", FALSE)
    if isinstance(node, Not):
        return negated(condition(node.item, scope))
    return rule_kinds.get(node.kind).sql(node, scope)


def compile_rule(node: Node, subject: str, alias: str, at: datetime, *, few: bool = True) -> Sql:
    """The rule as a condition over a row of customers_person or customers_company.

    Put it into a statement of your own, together with `Scope.alive`, which it does not include.
    """
    return condition(node, Scope(subject, alias, at, few=few))


def matching_query(
    node: Node,
    subject: str,
    at: datetime,
    *,
    ids: Sequence[int] | None = None,
    low: int | None = None,
    high: int | None = None,
) -> Sql:
    """`SELECT id` of those whom the rule matches; for embedding into larger statements.

    Args:
        ids: only these are asked about. Else everybody with low < id <= high.
    """
    scope = Scope(subject, "s0", at, few=ids is not None, low=low, high=high)
    rule = condition(node, scope)
    text = f"SELECT s0.id FROM {scope.table} s0 WHERE {scope.alive} AND {rule.text}"
    params = rule.params
    if ids is not None:
        text, params = f"{text} AND s0.id = ANY(%s::bigint[])", (*params, list(ids))
    if low is not None:
        text, params = f"{text} AND s0.id > %s", (*params, low)
    if high is not None:
        text, params = f"{text} AND s0.id <= %s", (*params, high)
    return Sql(text, params)


def matching_ids(
    node: Node, subject: str, at: datetime, ids: Sequence[int] | None = None
) -> set[int]:
    """Ids whom the rule matches now, of `ids` or of everybody. One statement."""
    if ids is not None and not ids:
        return set()
    query = matching_query(node, subject, at, ids=ids)
    return {row[0] for row in database.rows(query.text, query.params)}


def matching_pairs(
    node: Node, subject: str, at: datetime, pairs: Iterable[tuple[int, int | None]]
) -> set[tuple[int, int | None]]:
    """Of (id, company id) pairs those that the rule matches now. One statement.

    For people who stand for one of their companies: where the rule asks about their companies,
    only the pair's counts, while they work there. None: all of their companies count.
    """
    asked = set(pairs)
    if not asked:
        return set()
    ids, companies = zip(*asked, strict=True)
    scope = Scope(subject, "s0", at, few=True, company="r.company")
    rule = condition(node, scope)
    found = database.rows(
        "SELECT r.id, r.company FROM unnest(%s::bigint[], %s::bigint[]) AS r (id, company)"
        f" JOIN {scope.table} s0 ON s0.id = r.id WHERE {scope.alive} AND {rule.text}",
        (list(ids), list(companies), *rule.params),
    )
    return set(found)


def count_matching(node: Node, subject: str, at: datetime) -> int:
    """How many the rule matches now."""
    query = matching_query(node, subject, at)
    return int(database.one(f"SELECT count(*) FROM ({query.text}) q", query.params))


def sample_matching(node: Node, subject: str, at: datetime, limit: int = 5) -> list[int]:
    """A few of those whom the rule matches, the newest first."""
    query = matching_query(node, subject, at)
    statement = f"SELECT id FROM ({query.text}) q ORDER BY id DESC LIMIT %s"
    return [row[0] for row in database.rows(statement, (*query.params, limit))]

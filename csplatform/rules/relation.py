"""Tests that cross from people to companies and back, over memberships."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from csplatform.rules.compile import condition
from csplatform.rules.evaluate import holds, matches
from csplatform.rules.facts import Facts
from csplatform.rules.scope import Scope
from csplatform.rules.sqltext import Sql, negated
from csplatform.rules.tree import Node


@dataclass(frozen=True)
class Quantifier:
    """How many of the related ones must match.

    Attributes:
        match: "any", "all" (needs at least one), "none", "at_least", "at_most" or "percent" (at
            least so many in a hundred, of at least one).
        count: for the last three.
    """

    match: str
    count: int = 1


def _exists(related: str, rule: Sql) -> Sql:
    return Sql(f"EXISTS (SELECT 1 {related} AND {rule.text})", rule.params)


def quantified_sql(quantifier: Quantifier, inner: Node, scope: Scope, subject: str) -> Sql:
    """The quantified condition over memberships of the row `scope.alias`."""
    nested = scope.crossed(subject)
    link = f"m{nested.level}"
    related = (
        f"FROM customers_membership {link}"
        f" JOIN {nested.table} {nested.alias} ON {nested.alias}.id = {link}.{subject}_id"
        f" WHERE {link}.{scope.subject}_id = {scope.alias}.id AND {nested.alive}"
    )
    if scope.company and subject == "company":
        related += f" AND {link}.company_id = COALESCE({scope.company}, {link}.company_id)"
    rule = condition(inner, nested)
    if quantifier.match == "any":
        return _exists(related, rule)
    if quantifier.match == "none":
        return negated(_exists(related, rule))
    if quantifier.match == "all":
        someone, failing = _exists(related, Sql("TRUE")), _exists(related, negated(rule))
        return Sql(f"({someone.text} AND NOT {failing.text})", failing.params)
    if quantifier.match == "percent":
        share = (
            f"COALESCE((SELECT count(*) > 0 AND count(*) FILTER (WHERE {rule.text}) * 100"
            f" >= count(*) * %s::bigint {related}), FALSE)"
        )
        return Sql(share, (*rule.params, quantifier.count))
    sign = "<=" if quantifier.match == "at_most" else ">="
    counted = f"((SELECT count(*) {related} AND {rule.text}) {sign} %s::int)"
    return Sql(counted, (*rule.params, quantifier.count))


def quantified_holds(
    quantifier: Quantifier, inner: Node, related: Iterable[Facts], at: datetime
) -> bool:
    """The same in memory."""
    living = [facts for facts in related if facts.alive]
    fitting = sum(holds(inner, facts, at) for facts in living)
    if quantifier.match == "all":
        return bool(living) and fitting == len(living)
    if quantifier.match == "none":
        return not fitting
    if quantifier.match == "at_most":
        return fitting <= quantifier.count
    if quantifier.match == "percent":
        return bool(living) and fitting * 100 >= len(living) * quantifier.count
    return fitting >= (quantifier.count if quantifier.match == "at_least" else 1)


def quantified_value(inner: Node, related: Iterable[Facts], at: datetime) -> list[dict[str, Any]]:
    """Each related one and whether it matches; at most twenty are listed."""
    living = [facts for facts in related if facts.alive]
    return [
        {"id": facts.id, "label": facts.label, "truth": matches(inner, facts, at)}
        for facts in living[:20]
    ]

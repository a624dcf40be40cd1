"""When time alone may change an answer: the next moment per subject, set-based.

A rule such as "logged in during the last 30 days" flips without anybody doing anything. Instead of
asking everybody every minute, whoever looks at a rule also notes when to look again.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from csplatform.rules.load import OTHER
from csplatform.rules.registry import rule_kinds
from csplatform.rules.sqltext import Sql
from csplatform.rules.tree import Node, Test, children


@dataclass(frozen=True)
class Whom:
    """The subjects that are asked about, as a condition over any column that holds their ids."""

    template: str
    params: tuple[object, ...] = ()

    def among(self, column: str) -> Sql:
        """The condition; `column` is code-owned."""
        return Sql(self.template.replace("{id}", column), self.params)

    def related(self, subject: str) -> "Whom":
        """Those who are linked to these subjects by a membership."""
        inner = self.among(f"w.{subject}_id")
        text = (
            f"{{id}} IN (SELECT w.{OTHER[subject]}_id FROM customers_membership w"
            f" WHERE {inner.text})"
        )
        return Whom(text, inner.params)


def these(ids: Collection[int]) -> Whom:
    """A few."""
    return Whom("{id} = ANY(%s::bigint[])", (sorted(ids),))


def between(low: int, high: int | None) -> Whom:
    """A slice of the table: low < id <= high (None: to the end)."""
    if high is None:
        return Whom("{id} > %s", (low,))
    return Whom("{id} > %s AND {id} <= %s", (low, high))


def next_flips(node: Node, subject: str, at: datetime, whom: Whom) -> Sql | None:
    """`SELECT id, due`: the earliest moment after `at` at which a test of the rule may change its
    answer for a subject by time alone. May be early, is never late. None: time changes nothing."""
    parts = _parts(node, subject, at, whom)
    if not parts:
        return None
    params = tuple(param for part in parts for param in part.params)
    union = " UNION ALL ".join(part.text for part in parts)
    return Sql(f"SELECT id, min(due) AS due FROM ({union}) flips GROUP BY id", params)


def _parts(node: Node, subject: str, at: datetime, whom: Whom) -> list[Sql]:
    if not isinstance(node, Test):
        return [part for child in children(node) for part in _parts(child, subject, at, whom)]
    kind = rule_kinds.get(node.kind)
    if node.inner is None:
        return kind.flips(node, subject, at, whom)
    other = kind.inner[subject]
    below = _parts(node.inner, other, at, whom.related(subject))
    reached = whom.among(f"m.{subject}_id")
    return [
        Sql(
            f"SELECT m.{subject}_id AS id, f.due FROM ({part.text}) f JOIN customers_membership m"
            f" ON m.{other}_id = f.id WHERE {reached.text}",
            (*part.params, *reached.params),
        )
        for part in below
    ]

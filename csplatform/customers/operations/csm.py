"""Dealing companies out to CSMs, fairly also when many workers do it at once."""

import heapq
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from csplatform.customers.operations.companies import note_turns, write_csm
from csplatform.customers.operations.patching import cause_of
from csplatform.customers.operations.retry import settled_by_constraint
from csplatform.kit import sql
from csplatform.kit.clock import database_now
from csplatform.kit.errors import DomainError

# Whoever deals takes turns, behind the companies' locks: each sees what the one before has dealt.
DEALING_LOCK = 7_215_012

Method = Literal["round_robin", "fewest_accounts", "least_revenue"]
NOBODY = "nobody in the pool"
KEPT = "has a CSM already"


@dataclass(frozen=True)
class Dealt:
    """What became of one company.

    Attributes:
        user_id: its CSM now; None for none.
        old_id: the one before.
        kept: why nothing was changed, "" when it was dealt (also to the one it had).
    """

    user_id: int | None
    old_id: int | None
    kept: str = ""


@dataclass(frozen=True)
class _Row:
    """A locked company. `has_csm`: whether its CSM works here still."""

    id: int
    csm_id: int | None
    arr: Decimal
    has_csm: bool
    counts: bool


@settled_by_constraint
def deal_out(
    company_ids: Iterable[int],
    pool: Collection[int],
    *,
    method: Method,
    only_unassigned: bool = True,
    actor: Any = None,
    cause: dict[str, Any] | None = None,
    moment: datetime | None = None,
) -> dict[int, Dealt]:
    """Give each company a CSM of the pool: all or nothing, the same number of queries for any
    number of companies.

    Args:
        pool: users' ids; those who left are passed over.
        method: who is next: "round_robin" the one who got none for longest, "fewest_accounts" and
            "least_revenue" (ARR) by the companies that each one looks after, churned ones apart.
        only_unassigned: leave companies alone whose CSM is active.

    By company id. An empty pool changes nothing. Ids of merged companies stand for the winner.
    """
    if method not in _KEYS:
        raise DomainError("Choose how the CSM is chosen.", path="/method", code="unknown")
    rows, place = _lock(company_ids)
    sql.run("SELECT pg_advisory_xact_lock(%s)", [DEALING_LOCK])
    users = _active(pool)
    dealt = {row.id: _left_alone(row, users, only_unassigned) for row in rows}
    open_rows = [row for row in rows if dealt[row.id] is None]
    chosen = _deal(open_rows, users, method)
    _write(open_rows, chosen, cause_of(actor, cause), moment or database_now())
    for row in open_rows:
        dealt[row.id] = Dealt(chosen[row.id], row.csm_id)
    return {given: found for given, i in place.items() if (found := dealt[i]) is not None}


def _lock(company_ids: Iterable[int]) -> tuple[list[_Row], dict[int, int]]:
    """Companies in id order, and where each given id stands now."""
    place = dict(
        sql.rows(
            "SELECT id, COALESCE(merged_into_id, id) FROM customers_company WHERE id = ANY(%s)",
            [sorted(set(company_ids))],
        )
    )
    found = sql.rows(
        "SELECT c.id, c.csm_id, COALESCE(c.arr, 0), u.id IS NOT NULL, c.status <> 'churned'"
        " FROM customers_company c LEFT JOIN accounts_user u ON u.id = c.csm_id AND u.is_active"
        " WHERE c.id = ANY(%s) ORDER BY c.id FOR NO KEY UPDATE OF c",
        [sorted(set(place.values()))],
    )
    return [_Row(*row) for row in found], place


def _active(pool: Collection[int]) -> list[int]:
    found = sql.rows(
        "SELECT id FROM accounts_user WHERE id = ANY(%s) AND is_active ORDER BY id", [list(pool)]
    )
    return [row[0] for row in found]


def _left_alone(row: _Row, users: list[int], only_unassigned: bool) -> Dealt | None:
    if only_unassigned and row.has_csm:
        return Dealt(row.csm_id, row.csm_id, KEPT)
    return None if users else Dealt(row.csm_id, row.csm_id, NOBODY)


@dataclass
class _Load:
    """What a CSM has: when it was their turn last, how many companies, how much ARR."""

    turn: int = 0
    accounts: int = 0
    revenue: Decimal = Decimal(0)


_KEYS: Mapping[str, Callable[[_Load], tuple[Any, ...]]] = {
    "round_robin": lambda load: (load.turn,),
    "fewest_accounts": lambda load: (load.accounts, load.turn),
    "least_revenue": lambda load: (load.revenue, load.accounts, load.turn),
}


def _loads(users: list[int], method: Method) -> dict[int, _Load]:
    """As committed by everybody who dealt before; two queries, one for turns alone."""
    loads = {user: _Load() for user in users}
    for user, turn in sql.rows(
        "SELECT user_id, turn FROM customers_csmturn WHERE user_id = ANY(%s)", [users]
    ):
        loads[user].turn = turn
    if method == "round_robin":
        return loads
    for user, count, revenue in sql.rows(
        "SELECT csm_id, count(*), COALESCE(sum(arr), 0) FROM customers_company"
        " WHERE csm_id = ANY(%s) AND merged_into_id IS NULL AND status <> 'churned'"
        " GROUP BY csm_id",
        [users],
    ):
        loads[user].accounts, loads[user].revenue = count, revenue
    return loads


def _deal(rows: list[_Row], users: list[int], method: Method) -> dict[int, int]:
    """Company id to user id: one company after the other, each to whoever is first then."""
    if not rows or not users:
        return {}
    loads, key = _loads(users, method), _KEYS[method]
    for row in rows:  # what is dealt anew is nobody's before
        if row.csm_id in loads and row.counts:
            loads[row.csm_id].accounts -= 1
            loads[row.csm_id].revenue -= row.arr
    turn = int(sql.one("SELECT COALESCE(max(turn), 0) FROM customers_csmturn"))
    queue = [(*key(loads[user]), user) for user in users]
    heapq.heapify(queue)
    chosen: dict[int, int] = {}
    for row in rows:
        user = queue[0][-1]
        turn += 1
        load = loads[user]
        load.turn = turn
        if row.counts:
            load.accounts += 1
            load.revenue += row.arr
        chosen[row.id] = user
        heapq.heapreplace(queue, (*key(load), user))
    return chosen


def _write(
    rows: list[_Row], chosen: dict[int, int], cause: dict[str, Any], moment: datetime
) -> None:
    changed = {r.id: (r.csm_id, chosen[r.id]) for r in rows if r.csm_id != chosen[r.id]}
    write_csm(changed, cause=cause, moment=moment)
    # In the order in which they were dealt, so that the next one begins after the last.
    order: dict[int, None] = defaultdict(None)
    for row in rows:
        order.pop(chosen[row.id], None)
        order[chosen[row.id]] = None
    note_turns(list(order))

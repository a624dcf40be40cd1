"""Which people belong to which companies."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from csplatform.customers.operations.patching import cause_of
from csplatform.customers.operations.retry import LostRace, settled_by_constraint
from csplatform.freshness.touches import touch_rows
from csplatform.kit import sql
from csplatform.kit.clock import database_now
from csplatform.kit.errors import DomainError, Problem

Link = tuple[int, int]


@settled_by_constraint
def link_people(
    links: Iterable[Link],
    *,
    actor: Any = None,
    cause: dict[str, Any] | None = None,
    moment: datetime | None = None,
) -> set[Link]:
    """Make people members of companies; the (person id, company id) pairs that are new.

    The first company of a person becomes the primary one. A constant number of statements.
    """
    return add_links(links, cause=cause_of(actor, cause), moment=moment)


def add_links(
    links: Iterable[Link], *, cause: dict[str, Any], moment: datetime | None
) -> set[Link]:
    """`link_people` inside an operation that holds a transaction and retries."""
    wanted = list(dict.fromkeys(links))
    if not wanted:
        return set()
    present = set(
        sql.rows(
            "SELECT person_id, company_id FROM customers_membership WHERE person_id = ANY(%s)",
            [list({person_id for person_id, _ in wanted})],
        )
    )
    missing = [link for link in wanted if link not in present]
    if not missing:
        return set()
    _lock_ends(missing)
    added = _insert(missing)
    _record(added, joined=True, cause=cause, moment=moment)
    return added


@settled_by_constraint
def unlink_people(
    links: Iterable[Link],
    *,
    actor: Any = None,
    cause: dict[str, Any] | None = None,
    moment: datetime | None = None,
) -> set[Link]:
    """End memberships; the pairs that existed. The oldest one left becomes the primary one."""
    wanted = sorted(set(links))
    if not wanted:
        return set()
    _lock_people({person_id for person_id, _ in wanted})
    people, companies = zip(*wanted, strict=True)
    removed = set(
        sql.rows(
            "DELETE FROM customers_membership m USING unnest(%s::bigint[], %s::bigint[]) x(p, c)"
            " WHERE m.person_id = x.p AND m.company_id = x.c RETURNING m.person_id, m.company_id",
            [list(people), list(companies)],
        )
    )
    if removed:
        _choose_primary({person_id for person_id, _ in removed})
        _record(removed, joined=False, cause=cause_of(actor, cause), moment=moment)
    return removed


@settled_by_constraint
def set_memberships(
    person_id: int,
    company_ids: Iterable[int],
    *,
    primary_id: int | None = None,
    actor: Any = None,
    cause: dict[str, Any] | None = None,
    moment: datetime | None = None,
) -> tuple[set[Link], set[Link]]:
    """Make these the person's companies, no others; (added, removed) pairs.

    Args:
        primary_id: which one events, tokens and the time zone count for; None keeps the present.
    """
    wanted = set(company_ids)
    if primary_id is not None and primary_id not in wanted:
        raise DomainError("The primary company must be one of the companies.", path="/primary")
    present = {
        row[0]
        for row in sql.rows(
            "SELECT company_id FROM customers_membership WHERE person_id = %s", [person_id]
        )
    }
    kwargs = {"actor": actor, "cause": cause, "moment": moment}
    added = link_people([(person_id, c) for c in sorted(wanted - present)], **kwargs)
    removed = unlink_people([(person_id, c) for c in present - wanted], **kwargs)
    if primary_id is not None:
        _make_primary(person_id, primary_id)
    return added, removed


def _lock_people(ids: Iterable[int]) -> set[int]:
    """Who of these lives; nobody can be merged or re-linked until the transaction ends."""
    return {
        row[0]
        for row in sql.rows(
            "SELECT id FROM customers_person WHERE id = ANY(%s) AND merged_into_id IS NULL"
            " AND erased_at IS NULL ORDER BY id FOR NO KEY UPDATE",
            [sorted(set(ids))],
        )
    }


def _lock_ends(links: list[Link]) -> None:
    """Lock companies before people. Raises DomainError for an end that does not exist."""
    companies = {
        row[0]
        for row in sql.rows(
            "SELECT id FROM customers_company WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE",
            [sorted({company_id for _, company_id in links})],
        )
    }
    asked = {person_id for person_id, _ in links}
    people = _lock_people(asked)
    if len(people) < len(asked) and sql.one(
        "SELECT 1 FROM customers_person WHERE id = ANY(%s) AND merged_into_id IS NOT NULL",
        [list(asked)],
    ):
        raise LostRace
    problems = [
        Problem(f"/{i}/company", f"There is no company {company_id}.", "unknown")
        for i, (_, company_id) in enumerate(links)
        if company_id not in companies
    ] + [
        Problem(f"/{i}/person", f"There is no person {person_id}.", "unknown")
        for i, (person_id, _) in enumerate(links)
        if person_id not in people
    ]
    if problems:
        raise DomainError(problems)


def _insert(links: list[Link]) -> set[Link]:
    people, companies = zip(*links, strict=True)
    return set(
        sql.rows(
            "WITH given AS (SELECT p, c, row_number() OVER (PARTITION BY p ORDER BY n) AS place"
            " FROM unnest(%s::bigint[], %s::bigint[]) WITH ORDINALITY AS x(p, c, n))"
            " INSERT INTO customers_membership (person_id, company_id, is_primary, created_at)"
            " SELECT p, c, place = 1 AND NOT EXISTS (SELECT 1 FROM customers_membership m"
            " WHERE m.person_id = p AND m.is_primary), clock_timestamp() FROM given"
            " ORDER BY p, place ON CONFLICT (person_id, company_id) DO NOTHING"
            " RETURNING person_id, company_id",
            [list(people), list(companies)],
        )
    )


def _choose_primary(people: set[int]) -> None:
    sql.run(
        "UPDATE customers_membership SET is_primary = true WHERE id IN ("
        " SELECT min(id) FROM customers_membership WHERE person_id = ANY(%s)"
        " GROUP BY person_id HAVING NOT bool_or(is_primary))",
        [list(people)],
    )


def _make_primary(person_id: int, company_id: int) -> None:
    _lock_people([person_id])
    # Two statements: the partial unique index is checked row by row.
    changed = sql.run(
        "UPDATE customers_membership SET is_primary = false"
        " WHERE person_id = %s AND company_id <> %s AND is_primary",
        [person_id, company_id],
    )
    changed += sql.run(
        "UPDATE customers_membership SET is_primary = true"
        " WHERE person_id = %s AND company_id = %s AND NOT is_primary",
        [person_id, company_id],
    )
    if changed:
        touch_rows([("person", person_id, "membership")])


def _record(
    links: set[Link], *, joined: bool, cause: dict[str, Any], moment: datetime | None
) -> None:
    """History and touches of both ends."""
    if not links:
        return
    people, companies = zip(*sorted(links), strict=True)
    sql.run(
        "INSERT INTO customers_membershipchange"
        " (person_id, company_id, joined, occurred_at, recorded_at, cause)"
        " SELECT p, c, %s, %s, clock_timestamp(), %s::jsonb"
        " FROM unnest(%s::bigint[], %s::bigint[]) AS x(p, c)",
        [
            joined,
            moment or database_now(),
            json.dumps(cause, default=str),
            list(people),
            list(companies),
        ],
    )
    touch_rows(
        (subject, subject_id, "membership")
        for subject, ids in (("person", people), ("company", companies))
        for subject_id in ids
    )

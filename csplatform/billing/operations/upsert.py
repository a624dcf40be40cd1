"""Creating, updating and deleting subscriptions and invoices, by the hundred."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from csplatform.billing.ledger import INVOICES, SUBSCRIPTIONS, Ledger, fit, row_problem
from csplatform.customers.attributes import normal
from csplatform.customers.operations.companies import CompanyRef, UpsertResult, resolve_companies
from csplatform.customers.operations.patching import cause_of
from csplatform.customers.operations.retry import settled_by_constraint
from csplatform.freshness.touches import touch
from csplatform.kit import audit, sql
from csplatform.kit.clock import database_now
from csplatform.kit.errors import DomainError, Problem
from csplatform.kit.permissions import require

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BillingInput:
    """A subscription or invoice to create or update.

    Attributes:
        external_id: its id in the billing system; an unknown one makes a new row.
        id: an existing row instead.
        company: needed for a new row; moves an existing one.
        values: by column; None unsets, absent ones are left alone.
        subscription: external id of the invoice's subscription.
    """

    external_id: str | None = None
    id: int | None = None
    company: CompanyRef | None = None
    values: dict[str, Any] = field(default_factory=dict)
    subscription: str | None = None


@settled_by_constraint
def upsert(
    ledger: Ledger,
    items: Sequence[BillingInput],
    *,
    actor: Any,
    cause: dict[str, Any] | None = None,
    moment: datetime | None = None,
) -> list[UpsertResult]:
    """Create or update rows: all or nothing, no-ops leave no trace, may run twice.

    A constant number of statements. Raises NotAllowed, or DomainError with "/<index>/<name>" paths.
    """
    require(actor, f"billing.add_{ledger.key}")
    require(actor, f"billing.change_{ledger.key}")
    if not items:
        return []
    wanted = _fitted(ledger, items)
    companies = _companies(items)
    found = _existing(ledger, items)
    rows = _merged(ledger, items, wanted, companies, found)
    moment = moment or database_now()
    before = {row["id"]: row for row in found.values()}
    changed = [row for row in rows.values() if row != before.get(row["id"])]
    _write(ledger, [row for row in changed if row["id"] in before], insert=False)
    _write(ledger, [row for row in changed if row["id"] not in before], insert=True)
    _remember(
        ledger, [(before.get(row["id"]), row) for row in changed], cause_of(actor, cause), moment
    )
    _note(ledger, "upsert", [row["id"] for row in changed], actor)
    return _results(items, rows, before, {row["id"] for row in changed})


def _fitted(ledger: Ledger, items: Sequence[BillingInput]) -> list[Row]:
    wanted, problems = [], []
    seen: set[tuple[str, Any]] = set()
    for index, item in enumerate(items):
        given = dict(item.values)
        if item.external_id is not None:
            given["external_id"] = item.external_id
        if given.get("paid_on") and "status" not in given:
            given["status"] = "paid"
        fitted: Row = {}
        for name, value in given.items():
            column = ledger.columns.get(name)
            if column is None:
                text = f"There is no field {name[:60]!r} of a {ledger.key}."
                problems.append(Problem(f"/{index}/{name}", text, "unknown"))
                continue
            try:
                fitted[name] = fit(column, value, f"/{index}/{name}")
            except DomainError as error:
                problems += error.problems
        key = ("id", item.id) if item.id is not None else ("ext", fitted.get("external_id"))
        if key[1] is not None and key in seen:
            problems.append(Problem(f"/{index}", "It stands here twice.", "twice"))
        seen.add(key)
        wanted.append(fitted)
    if problems:
        raise DomainError(problems)
    return wanted


def _companies(items: Sequence[BillingInput]) -> dict[int, int]:
    """The company of each item that names one, by the item's place."""
    places = [index for index, item in enumerate(items) if item.company is not None]
    refs = [company for item in items if (company := item.company) is not None]
    try:
        ids, _ = resolve_companies(refs) if refs else ([], set())
    except DomainError as error:
        raise DomainError(
            Problem(f"/{places[int(p.path.split('/')[1])]}/company", p.message, p.code)
            for p in error.problems
        ) from None
    return dict(zip(places, ids, strict=True))


def read_rows(ledger: Ledger, condition: str, params: Sequence[Any], *, lock: bool) -> list[Row]:
    """Whole rows as history keeps them, in the order of their ids.

    Args:
        condition: over the table, code-owned.
        lock: against other writers.
    """
    names = ["id", "company_id", *ledger.columns]
    found = sql.rows(
        f"SELECT {', '.join(names)} FROM {ledger.table} WHERE {condition} ORDER BY id"
        + (" FOR NO KEY UPDATE" if lock else ""),
        params,
    )
    return [dict(zip(names, map(normal, row), strict=True)) for row in found]


def _existing(ledger: Ledger, items: Sequence[BillingInput]) -> dict[tuple[str, Any], Row]:
    """Rows that the items name, locked, by ("id", id) or ("external_id", text)."""
    ids = [item.id for item in items if item.id is not None]
    texts = [item.external_id.strip() for item in items if item.external_id and item.id is None]
    rows = read_rows(
        ledger, "id = ANY(%s::bigint[]) OR external_id = ANY(%s)", [ids, texts], lock=True
    )
    found: dict[tuple[str, Any], Row] = {}
    for row in rows:
        found["id", row["id"]] = row
        if row["external_id"] is not None:
            found["external_id", row["external_id"]] = row
    return found


def _merged(
    ledger: Ledger,
    items: Sequence[BillingInput],
    wanted: list[Row],
    companies: dict[int, int],
    found: dict[tuple[str, Any], Row],
) -> dict[int, Row]:
    """The rows as they shall be, by the item's place."""
    problems: list[Problem] = []
    rows: dict[int, Row] = {}
    new_ids = iter(sql.next_ids(f"{ledger.table}_id_seq", len(items)))
    subscriptions = _subscriptions(items)
    for index, (item, values) in enumerate(zip(items, wanted, strict=True)):
        key = ("id", item.id) if item.id is not None else ("external_id", values.get("external_id"))
        old = found.get(key) if key[1] is not None else None
        if old is None and item.id is not None:
            text = f"There is no {ledger.key} {item.id}."
            problems.append(Problem(f"/{index}/id", text, "unknown"))
            continue
        row = dict(old) if old else {"id": next(new_ids), **_blank(ledger)}
        row |= {n: normal(ledger.columns[n].unset) if v is None else v for n, v in values.items()}
        row["company_id"] = companies.get(index, row.get("company_id"))
        if item.subscription is not None:
            own = subscriptions.get(item.subscription, (None, None))
            row["subscription_id"] = own[0]
            if own[1] != row["company_id"]:
                text = f"The company has no subscription “{item.subscription}”."
                problems.append(Problem(f"/{index}/subscription", text, "unknown"))
        problems += _row_problems(ledger, row, f"/{index}")
        rows[index] = row
    if problems:
        raise DomainError(problems)
    return rows


def _blank(ledger: Ledger) -> Row:
    return {"company_id": None} | {n: normal(c.unset) for n, c in ledger.columns.items()}


def _row_problems(ledger: Ledger, row: Row, path: str) -> list[Problem]:
    problems = []
    if row["company_id"] is None:
        problems.append(Problem(f"{path}/company", "Say whose it is.", "missing"))
    for name, column in ledger.columns.items():
        if column.required and row[name] is None:
            text = f"“{column.spec.label}” may not be empty."
            problems.append(Problem(f"{path}/{name}", text, "missing"))
    name, message = row_problem(row)
    return [*problems, Problem(f"{path}/{name}", message, "row")] if name else problems


def _subscriptions(items: Sequence[BillingInput]) -> dict[str, tuple[int, int]]:
    """(id, company) of the subscriptions that invoices name, by external id."""
    wanted = sorted({item.subscription for item in items if item.subscription is not None})
    if not wanted:
        return {}
    found = sql.rows(
        "SELECT external_id, id, company_id FROM billing_subscription WHERE external_id = ANY(%s)",
        [wanted],
    )
    return {external_id: (id_, company) for external_id, id_, company in found}


def _write(ledger: Ledger, rows: list[Row], *, insert: bool) -> None:
    if not rows:
        return
    names = ["company_id", *ledger.columns]
    blank = {name: column.unset for name, column in ledger.columns.items()}
    records = [
        {**row, **{n: v for n, v in blank.items() if row[n] is None}}
        for row in sorted(rows, key=lambda row: row["id"])
    ]
    shape = f"jsonb_to_recordset(%s::jsonb) AS x(id bigint, company_id bigint, {ledger.record})"
    listed = ", ".join(names)
    if insert:
        statement = (
            f"INSERT INTO {ledger.table} (id, created_at, {listed})"
            f" SELECT id, clock_timestamp(), {listed} FROM {shape} ORDER BY id"
        )
    else:
        sets = ", ".join(f"{name} = x.{name}" for name in names)
        statement = f"UPDATE {ledger.table} t SET {sets} FROM {shape} WHERE t.id = x.id"
    sql.run(statement, [json.dumps(records, default=str, ensure_ascii=False)])


def _remember(
    ledger: Ledger,
    changes: Iterable[tuple[Row | None, Row | None]],
    cause: dict[str, Any],
    moment: datetime,
) -> None:
    """History, one row per change and company, and touches."""
    entries = [
        [(new or old or {})["id"], company, old, new]
        for old, new in changes
        for company in sorted({row["company_id"] for row in (old, new) if row})
    ]
    if not entries:
        return
    sql.run(
        "INSERT INTO billing_billingchange"
        " (kind, row_id, company_id, old, new, occurred_at, recorded_at, cause)"
        " SELECT %s, (e->>0)::bigint, (e->>1)::bigint, NULLIF(e->2, 'null'), NULLIF(e->3, 'null'),"
        " %s, clock_timestamp(), %s::jsonb FROM jsonb_array_elements(%s::jsonb) e",
        [
            ledger.key,
            moment,
            json.dumps(cause, default=str),
            json.dumps(entries, default=str, ensure_ascii=False),
        ],
    )
    touch("company", {company for _, company, _, _ in entries}, [ledger.fact])


def _note(ledger: Ledger, verb: str, ids: list[int], actor: Any) -> None:
    """One audit entry for all rows of a call; history has each."""
    if not ids:
        return
    named = ledger.model(pk=ids[0])
    named = ledger.model.objects.filter(pk=ids[0]).select_related("company").first() or named
    audit.record(actor, f"{ledger.key}.{verb}", named, after={"count": len(ids), "ids": ids[:100]})


def _results(
    items: Sequence[BillingInput], rows: dict[int, Row], before: dict[int, Row], changed: set[int]
) -> list[UpsertResult]:
    results = []
    for index in range(len(items)):
        row = rows[index]
        old = before.get(row["id"])
        names = tuple(n for n in row if old is not None and row[n] != old[n])
        results.append(UpsertResult(row["id"], old is None, names))
    return results


@settled_by_constraint
def delete(
    ledger: Ledger, ids: Collection[int], *, actor: Any, cause: dict[str, Any] | None = None
) -> int:
    """Delete rows that should never have been; the number. Invoices of a subscription stay.

    History keeps them, and rules as of the past still see them.
    """
    require(actor, f"billing.delete_{ledger.key}")
    rows = read_rows(ledger, "id = ANY(%s::bigint[])", [sorted(set(ids))], lock=True)
    if not rows:
        return 0
    gone = [row["id"] for row in rows]
    _note(ledger, "delete", gone, actor)
    if ledger is SUBSCRIPTIONS:
        _detach(gone, actor, cause)
    sql.run(f"DELETE FROM {ledger.table} WHERE id = ANY(%s)", [gone])
    _remember(ledger, [(row, None) for row in rows], cause_of(actor, cause), database_now())
    return len(gone)


def _detach(subscription_ids: list[int], actor: Any, cause: dict[str, Any] | None) -> None:
    """Invoices outlive their subscription."""
    rows = read_rows(INVOICES, "subscription_id = ANY(%s)", [subscription_ids], lock=True)
    changes = [(row, {**row, "subscription_id": None}) for row in rows]
    _write(INVOICES, [new for _, new in changes], insert=False)
    _remember(INVOICES, changes, cause_of(actor, cause), database_now())

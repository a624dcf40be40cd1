"""Creating and updating companies, finding them, and who looks after them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from csplatform.accounts.models import User
from csplatform.customers.attributes import Spec, attribute_specs
from csplatform.customers.columns import COLUMNS
from csplatform.customers.models import Company
from csplatform.customers.operations.patching import (
    Changes,
    Values,
    apply,
    cause_of,
    diff,
    fit_values,
    read_rows,
    write_history,
)
from csplatform.customers.operations.retry import settled_by_constraint
from csplatform.freshness.touches import EVERYTHING, touch, touch_rows
from csplatform.kit import sql
from csplatform.kit.clock import database_now
from csplatform.kit.errors import DomainError, Problem

# Names and domains are not unique by constraint (two customers may share a name), so those who
# create by name or domain take turns.
CREATE_BY_NAME_LOCK = 7_215_011


@dataclass(frozen=True, slots=True)
class CompanyRef:
    """How somebody else names a company: the first that is given counts, in this order.

    An unknown external id, domain or name makes a new company; an unknown id is an error.
    """

    id: int | None = None
    external_id: str | None = None
    domain: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class CompanyInput:
    """A company to create or update. None and absent attributes mean: not stated, leave alone.

    `attributes` takes built-in ones (stage, arr, renewal_date, domains, tags ...) and declared
    ones. Identity is `id`, else `external_id`, else one of the domains, else the exact name.
    """

    name: str | None = None
    external_id: str | None = None
    id: int | None = None
    domains: Sequence[str] | None = None
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UpsertResult:
    """What became of one input.

    Attributes:
        conflicts: names of values that were left alone because somebody else holds them.
    """

    id: int
    created: bool
    changed_names: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()


@settled_by_constraint
def upsert_companies(
    items: Sequence[CompanyInput],
    *,
    actor: Any = None,
    cause: dict[str, Any] | None = None,
    moment: datetime | None = None,
) -> list[UpsertResult]:
    """Create or update companies: all or nothing, no-ops leave no trace, may run twice.

    Raises DomainError with "/<index>/<name>" paths.
    """
    if not items:
        return []
    specs = attribute_specs("company")
    wanted = _fitted(items, specs)
    refs = [_ref(item) for item in items]
    ids, created = resolve_companies(refs, wanted)
    moment = moment or database_now()
    patches: dict[int, Values] = {}
    for company_id, values in zip(ids, wanted, strict=True):
        patches.setdefault(company_id, {}).update(values)
    changes = _change(patches, specs, cause_of(actor, cause), moment)
    seen: set[int] = set()
    results = []
    for company_id in ids:
        is_new = company_id in created and company_id not in seen
        seen.add(company_id)
        names = tuple(changes.get(company_id, {}))
        results.append(UpsertResult(company_id, is_new, names))
    return results


def _change(
    patches: dict[int, Values], specs: dict[str, Spec], cause: dict[str, Any], moment: datetime
) -> dict[int, Changes]:
    """Lock and write only those rows that differ: most repeated sync rows do not."""
    present = read_rows("company", patches, lock=False)
    differing = [i for i, values in patches.items() if diff(present[i], values, specs)]
    if not differing:
        return {}
    rows = read_rows("company", differing, lock=True)
    wanted = {i: patches[i] for i in differing}
    return apply("company", rows, wanted, specs, cause=cause, moment=moment)


def _fitted(items: Sequence[CompanyInput], specs: dict[str, Spec]) -> list[Values]:
    wanted, problems = [], []
    for index, item in enumerate(items):
        given: dict[str, Any] = dict(item.attributes)
        for name in ("name", "external_id", "domains"):
            value = getattr(item, name)
            if value is not None:
                given[name] = list(value) if name == "domains" else value
        fitted, wrong = fit_values("company", specs, given, f"/{index}")
        problems += wrong
        if item.id is None and not any(fitted.get(n) for n in ("external_id", "domains", "name")):
            text = "A company needs a name, an external id or a domain."
            problems.append(Problem(f"/{index}", text, "missing"))
        wanted.append(fitted)
    if problems:
        raise DomainError(problems)
    return wanted


def _ref(item: CompanyInput) -> CompanyRef:
    domain = item.domains[0].lower() if item.domains else None
    return CompanyRef(item.id, item.external_id, domain, item.name)


def resolve_companies(
    refs: Sequence[CompanyRef], values: Sequence[Values] | None = None
) -> tuple[list[int], set[int]]:
    """Ids of the companies that `refs` name, in order, and which of them were created now.

    Call inside a transaction, before any person is locked. `values` are fitted attributes for
    those that have to be created. Raises DomainError for an unknown id.
    """
    found = _find(refs)
    missing = [i for i, company_id in enumerate(found) if company_id is None]
    unknown = [i for i in missing if refs[i].id is not None]
    if unknown:
        raise DomainError(
            Problem(f"/{i}/id", f"There is no company {refs[i].id}.", "unknown") for i in unknown
        )
    if not missing:
        return [i for i in found if i is not None], set()
    if any(refs[i].external_id is None for i in missing):
        sql.run("SELECT pg_advisory_xact_lock(%s)", [CREATE_BY_NAME_LOCK])
        found = _find(refs)
        missing = [i for i, company_id in enumerate(found) if company_id is None]
    made: dict[tuple[str, str], int] = {}
    records: list[dict[str, Any]] = []
    ids = iter(sql.next_ids("customers_company_id_seq", len(missing)))
    for i in missing:
        key = _key(refs[i])
        if key not in made:
            made[key] = next(ids)
            records.append(_record(made[key], refs[i], values[i] if values else {}))
    _insert(records)
    return [
        company_id if company_id is not None else made[_key(refs[i])]
        for i, company_id in enumerate(found)
    ], set(made.values())


def _key(ref: CompanyRef) -> tuple[str, str]:
    if ref.external_id:
        return "external_id", ref.external_id.strip()
    if ref.domain:
        return "domain", ref.domain.strip().lower()
    return "name", (ref.name or "").strip()


def _find(refs: Sequence[CompanyRef]) -> list[int | None]:
    """One statement; the lowest id where a domain or name is not unique."""
    keys = [("id", str(r.id)) if r.id is not None else _key(r) for r in refs]
    wanted = {kind: sorted({v for k, v in keys if k == kind}) for kind in dict(keys)}
    parts, params = [], []
    for kind, condition in _LOOKUPS.items():
        if kind in wanted:
            parts.append(condition)
            params.append(wanted[kind])
    found: dict[tuple[str, str], int] = {}
    for kind, key, company_id in sql.rows(" UNION ALL ".join(parts), params):
        known = found.get((kind, key))
        found[kind, key] = company_id if known is None else min(known, company_id)
    return [found.get(key) for key in keys]


_LIVING = "COALESCE(merged_into_id, id)"
_LOOKUPS = {
    "id": f"SELECT 'id', id::text, {_LIVING} FROM customers_company WHERE id = ANY(%s::bigint[])",
    "external_id": f"SELECT 'external_id', external_id, {_LIVING} FROM customers_company"
    " WHERE external_id = ANY(%s)",
    "domain": f"SELECT 'domain', d, {_LIVING} FROM unnest(%s::text[]) d"
    " JOIN customers_company ON domains @> ARRAY[d]::varchar[] AND merged_into_id IS NULL",
    "name": f"SELECT 'name', n, {_LIVING} FROM unnest(%s::text[]) n"
    " JOIN customers_company ON lower(name) = lower(n) AND name = n AND merged_into_id IS NULL",
}


def _record(company_id: int, ref: CompanyRef, values: Values) -> dict[str, Any]:
    """A row to insert: stated values, else what the reference tells."""
    told: Values = {
        "external_id": ref.external_id,
        "domains": [ref.domain] if ref.domain else None,
        "name": ref.name or ref.domain or ref.external_id,
    }
    columns = {
        name: values.get(name) or told.get(name) or column.unset
        for name, column in COLUMNS["company"].items()
    }
    others = {k: v for k, v in values.items() if k not in columns and v is not None}
    return {"id": company_id, "attributes": others, **columns}


def _insert(records: list[dict[str, Any]]) -> None:
    columns = COLUMNS["company"]
    names = ", ".join(columns)
    shape = ", ".join(f"{name} {column.sql}" for name, column in columns.items())
    sql.run(
        f"INSERT INTO customers_company (id, attributes, created_at, {names})"
        f" SELECT id, attributes, clock_timestamp(), {names}"
        f" FROM jsonb_to_recordset(%s::jsonb) AS x(id bigint, attributes jsonb, {shape})"
        " ORDER BY external_id",
        [json.dumps(records, default=str, ensure_ascii=False)],
    )
    touch("company", [record["id"] for record in records], [EVERYTHING])


@settled_by_constraint
def assign_csm(
    company_ids: Iterable[int],
    user: User | None,
    *,
    actor: Any = None,
    cause: dict[str, Any] | None = None,
    moment: datetime | None = None,
) -> int:
    """Give companies a CSM, or none; the number that really changed.

    Only active staff may be a CSM. History keeps the user's id under the name "csm".
    """
    if user is not None and not user.is_active:
        raise DomainError("This user is not active any more.", path="/csm", code="inactive")
    new = user.pk if user else None
    locked = sql.rows(
        "SELECT id, csm_id FROM customers_company WHERE id = ANY(%s)"
        " AND csm_id IS DISTINCT FROM %s ORDER BY id FOR NO KEY UPDATE",
        [sorted(set(company_ids)), new],
    )
    write_csm(
        {company_id: (old, new) for company_id, old in locked},
        cause=cause_of(actor, cause),
        moment=moment or database_now(),
    )
    if locked and new is not None:
        note_turns([new])
    return len(locked)


def write_csm(
    changed: Mapping[int, tuple[int | None, int | None]],
    *,
    cause: dict[str, Any],
    moment: datetime,
) -> None:
    """Write CSMs with their history and touches, for operations that hold the companies' locks.

    Args:
        changed: company id to (old, new) user id.
    """
    if not changed:
        return
    sql.run(
        "UPDATE customers_company c SET csm_id = x.csm"
        " FROM unnest(%s::bigint[], %s::bigint[]) AS x(id, csm) WHERE c.id = x.id",
        [list(changed), [new for _, new in changed.values()]],
    )
    write_history(
        "company", {i: {"csm": pair} for i, pair in changed.items()}, cause=cause, moment=moment
    )
    touch_rows(("company", company_id, "attr.csm") for company_id in changed)


def note_turns(users: Sequence[int]) -> None:
    """These were given companies just now, in this order: who got none for longest is next in a
    round robin, whoever gave them."""
    if not users:
        return
    sql.run(
        "INSERT INTO customers_csmturn (user_id, turn)"
        " SELECT x.id, x.place + (SELECT COALESCE(max(turn), 0) FROM customers_csmturn)"
        " FROM unnest(%s::bigint[]) WITH ORDINALITY AS x(id, place) ORDER BY x.id"
        " ON CONFLICT (user_id) DO UPDATE SET turn = excluded.turn",
        [list(users)],
    )


@settled_by_constraint
def set_parent(
    company: Company, parent: Company | None, *, actor: Any = None, moment: datetime | None = None
) -> bool:
    """Put a company below another one, or below none. Refuses a circle."""
    seen, above = {company.pk}, parent
    while above is not None:
        if above.pk in seen:
            raise DomainError("A company cannot stand below itself.", path="/parent", code="circle")
        seen.add(above.pk)
        above = above.parent
    old = sql.rows(
        "SELECT parent_id FROM customers_company WHERE id = %s FOR NO KEY UPDATE", [company.pk]
    )[0][0]
    new = parent.pk if parent else None
    if old == new:
        return False
    sql.run("UPDATE customers_company SET parent_id = %s WHERE id = %s", [new, company.pk])
    write_history(
        "company",
        {company.pk: {"parent": (old, new)}},
        cause=cause_of(actor, None),
        moment=moment or database_now(),
    )
    touch("company", [company.pk], ["attr.parent"])
    return True

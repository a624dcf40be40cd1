"""Creating and updating people: identify, import, sync and the admin all come through here."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from csplatform.customers.attributes import Spec, attribute_specs
from csplatform.customers.columns import COLUMNS
from csplatform.customers.operations.companies import (
    CompanyRef,
    UpsertResult,
    resolve_companies,
)
from csplatform.customers.operations.identity import Slot, assign, find
from csplatform.customers.operations.memberships import add_links
from csplatform.customers.operations.patching import (
    Changes,
    Values,
    apply,
    cause_of,
    diff,
    fit_values,
    read_rows,
)
from csplatform.customers.operations.retry import LostRace, settled_by_constraint
from csplatform.freshness.touches import EVERYTHING, touch
from csplatform.kit import sql
from csplatform.kit.clock import database_now
from csplatform.kit.errors import DomainError, Problem

__all__ = ["CompanyRef", "PersonInput", "UpsertResult", "upsert_people"]

COLUMN_FIELDS = ("email", "name", "role", "persona", "language", "time_zone")
MAX_EXTERNAL_ID = 200


@dataclass(frozen=True, slots=True)
class PersonInput:
    """A person to create or update. None and absent attributes mean: not stated, leave alone.

    Attributes:
        external_id: the id in the host product (or CRM ..., see `external_kind`).
        attributes: declared ones, and built-in ones if one likes.
        companies: memberships to add; links that exist already and others stay.
    """

    email: str | None = None
    external_id: str | None = None
    external_kind: str = "user_id"
    name: str | None = None
    role: str | None = None
    persona: str | None = None
    language: str | None = None
    time_zone: str | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    companies: Sequence[CompanyRef] = ()


@settled_by_constraint
def upsert_people(
    items: Sequence[PersonInput],
    *,
    actor: Any = None,
    cause: dict[str, Any] | None = None,
    moment: datetime | None = None,
) -> list[UpsertResult]:
    """Create or update people: all or nothing, no-ops leave no trace, may run twice.

    Identity is the external id, else the address in any letter case. An address that somebody
    else holds is left alone and named in the result's `conflicts`. Raises DomainError with
    "/<index>/<name>" paths before anything is written.
    """
    if not items:
        return []
    specs = attribute_specs("person")
    wanted = _fitted(items, specs)
    why, moment = cause_of(actor, cause), moment or database_now()
    refs = [ref for item in items for ref in item.companies]
    company_ids = iter(resolve_companies(refs)[0] if refs else [])
    slots, order = _settle(items, wanted)
    changes = _update(slots, specs, why, moment)
    _create([slot for slot in slots if slot.id is None])
    _add_external_ids(slots)
    links = [
        (slot.living_id, next(company_ids))
        for slot, item in zip(order, items, strict=True)
        for _ in item.companies
    ]
    add_links(links, cause=why, moment=moment)
    return _results(order, changes)


def _fitted(items: Sequence[PersonInput], specs: dict[str, Spec]) -> list[Values]:
    """Everything stated, cast to its types. Raises DomainError with all that is wrong."""
    wanted, problems = [], []
    for index, item in enumerate(items):
        given = dict(item.attributes)
        for name in COLUMN_FIELDS:
            value = getattr(item, name)
            if value is not None:
                given[name] = value
        fitted, wrong = fit_values("person", specs, given, f"/{index}")
        problems += wrong
        external_id = (item.external_id or "").strip()
        if not external_id and not fitted.get("email") and not wrong:
            text = "A person needs an email address or an external id."
            problems.append(Problem(f"/{index}", text, "missing"))
        if len(external_id) > MAX_EXTERNAL_ID or "\x00" in external_id:
            text = f"An external id has at most {MAX_EXTERNAL_ID} characters."
            problems.append(Problem(f"/{index}/external_id", text, "too_long"))
        wanted.append(fitted)
    if problems:
        raise DomainError(problems)
    return wanted


def _settle(
    items: Sequence[PersonInput], wanted: Sequence[Values]
) -> tuple[list[Slot], list[Slot]]:
    """Who is who: distinct slots, and the slot of each item."""
    external = [(item.external_id or "").strip() for item in items]
    keys = [
        (item.external_kind, value) if value else None
        for item, value in zip(items, external, strict=True)
    ]
    emails = [values["email"].lower() if values.get("email") else None for values in wanted]
    known = find([key for key in keys if key], [email for email in emails if email])
    order = assign(known, keys, emails, wanted)
    return list(dict.fromkeys(order)), order


def _update(
    slots: list[Slot], specs: dict[str, Spec], cause: dict[str, Any], moment: datetime
) -> dict[int, Changes]:
    """Change those who exist and differ; everybody else is not even locked."""
    wanted = {slot.id: slot.values for slot in slots if slot.id is not None}
    if not wanted:
        return {}
    present = read_rows("person", wanted, lock=False)
    differing = {i for i, values in wanted.items() if diff(present[i], values, specs)}
    attached = {slot.id for slot in slots if slot.id is not None and slot.new_external_ids}
    if not differing | attached:
        return {}
    rows = read_rows("person", differing | attached, lock=True)
    if any(row.merged_into for row in rows.values()):
        raise LostRace  # merged away between finding and locking
    patches = {i: wanted[i] for i in differing}
    return apply("person", rows, patches, specs, cause=cause, moment=moment)


def _create(slots: list[Slot]) -> None:
    """Insert new people, in the order of their addresses so that two writers cannot deadlock."""
    if not slots:
        return
    columns = COLUMNS["person"]
    records = []
    for slot, new_id in zip(
        slots, sql.next_ids("customers_person_id_seq", len(slots)), strict=True
    ):
        slot.id, slot.created = new_id, True
        values = {name: slot.values.get(name) or c.unset for name, c in columns.items()}
        others = {k: v for k, v in slot.values.items() if k not in columns and v is not None}
        records.append({"id": new_id, "attributes": others, **values})
    names = ", ".join(columns)
    shape = ", ".join(f"{name} {column.sql}" for name, column in columns.items())
    sql.run(
        f"INSERT INTO customers_person (id, attributes, created_at, {names})"
        f" SELECT id, attributes, clock_timestamp(), {names}"
        f" FROM jsonb_to_recordset(%s::jsonb) AS x(id bigint, attributes jsonb, {shape})"
        " ORDER BY lower(email), id",
        [json.dumps(records, default=str, ensure_ascii=False)],
    )
    touch("person", [slot.living_id for slot in slots], [EVERYTHING])


def _add_external_ids(slots: list[Slot]) -> None:
    """Attach ids by which people were not known yet."""
    rows = sorted(
        (kind, value, slot.living_id) for slot in slots for kind, value in slot.new_external_ids
    )
    if not rows:
        return
    kinds, values, people = zip(*rows, strict=True)
    sql.run(
        "INSERT INTO customers_externalid (kind, value, person_id)"
        " SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[])",
        [list(kinds), list(values), list(people)],
    )


def _results(order: list[Slot], changes: dict[int, Changes]) -> list[UpsertResult]:
    """One per item; a person that two items share is "created" by the first of them."""
    seen: set[int] = set()
    results = []
    for slot in order:
        new = slot.created and slot.living_id not in seen
        seen.add(slot.living_id)
        names = tuple(changes.get(slot.living_id, {}))
        results.append(UpsertResult(slot.living_id, new, names, tuple(slot.conflicts)))
    return results

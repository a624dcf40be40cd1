"""Changing attribute values of people and companies that exist."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from csplatform.customers.attributes import attribute_specs
from csplatform.customers.operations.patching import (
    Changes,
    Row,
    Values,
    apply,
    cause_of,
    fit_values,
    read_rows,
)
from csplatform.customers.operations.retry import settled_by_constraint
from csplatform.kit import sql
from csplatform.kit.clock import database_now
from csplatform.kit.errors import Conflict, DomainError, Problem

# Values that only one row may hold.
UNIQUE = {"person": "email", "company": "external_id"}


@settled_by_constraint
def patch_attributes(
    subject: str,
    patches: Mapping[int, Mapping[str, Any]],
    *,
    actor: Any = None,
    cause: dict[str, Any] | None = None,
    moment: datetime | None = None,
) -> dict[int, Changes]:
    """Set or unset attributes of many people or companies: all or nothing.

    Args:
        subject: "person" or "company".
        patches: id to {attribute name: new value}; None unsets. Names not given stay.
        moment: when it happened; None is now.

    Returns what really changed, name to (old, new); no-ops leave no trace. A person that was
    merged away stands for the winner; one that was erased is refused. Raises DomainError with
    "/<id>/<name>" paths.
    """
    if not patches:
        return {}
    specs = attribute_specs(subject)
    fitted, problems = {}, []
    for subject_id, values in patches.items():
        fitted[subject_id], wrong = fit_values(subject, specs, values, f"/{subject_id}")
        problems += wrong
    if problems:
        raise DomainError(problems)
    rows, place = lock_living(subject, patches)
    merged: dict[int, Values] = {}
    for subject_id, values in fitted.items():
        merged.setdefault(place[subject_id], {}).update(values)
    _check_unique(subject, merged)
    changes = apply(
        subject, rows, merged, specs,
        cause=cause_of(actor, cause), moment=moment or database_now(),
    )  # fmt: skip
    return {subject_id: changes[place[subject_id]] for subject_id in patches}


def lock_living(subject: str, ids: Mapping[int, Any]) -> tuple[dict[int, Row], dict[int, int]]:
    """Locked rows of those who live, and where each given id now stands. Inside a transaction;
    raises DomainError for ids that nobody has and for erased people."""
    rows = read_rows(subject, ids, lock=True)
    if len(rows) < len(ids):
        raise DomainError(
            Problem(f"/{i}", f"There is no {subject} {i}.", "unknown") for i in ids if i not in rows
        )
    place = {i: rows[i].merged_into or i for i in ids}
    winners = set(place.values()) - set(rows)
    if winners:
        rows |= read_rows(subject, winners, lock=True)
    erased = [i for i in ids if rows[place[i]].erased]
    if erased:
        raise DomainError(
            Problem(f"/{i}", f"Person {i} was erased: nothing is kept about them.", "erased")
            for i in erased
        )
    return rows, place


def _check_unique(subject: str, patches: Mapping[int, Values]) -> None:
    """Refuse an address or external id that somebody else holds, by name."""
    column, folded = UNIQUE[subject], subject == "person"
    asked: dict[str, int] = {}
    for subject_id, values in patches.items():
        value = values.get(column)
        if value is None:
            continue
        key = value.lower() if folded else value
        if asked.setdefault(key, subject_id) != subject_id:
            raise Conflict(f"{value!r} is given twice.", path=f"/{subject_id}/{column}")
    if not asked:
        return
    expression, living = (
        ("lower(email)", "merged_into_id IS NULL AND erased_at IS NULL")
        if folded
        else ("external_id", "true")
    )
    for holder, key in sql.rows(
        f"SELECT id, {expression} FROM customers_{subject}"
        f" WHERE {expression} = ANY(%s) AND {living}",
        [list(asked)],
    ):
        if holder != asked[key] and column not in patches.get(holder, {}):
            text = f"{key!r} belongs to {subject} {holder} already."
            raise Conflict(text, path=f"/{asked[key]}/{column}", code="taken")

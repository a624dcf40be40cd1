"""The one place that changes attribute values of stored rows: diff, write, history, touches."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from csplatform.customers.attributes import Spec, normal
from csplatform.customers.columns import COLUMNS, fit
from csplatform.freshness.touches import touch_rows
from csplatform.kit import sql
from csplatform.kit.errors import DomainError, Problem

Values = dict[str, Any]
# Attribute name to (old, new), both as `attributes.cast` gives them.
Changes = dict[str, tuple[Any, Any]]


@dataclass
class Row:
    """A stored subject: columns and JSON attributes as they are now."""

    id: int
    merged_into: int | None
    columns: Values
    attributes: Values
    erased: bool = False

    def value(self, spec: Spec) -> Any:
        """The present value of an attribute."""
        return normal(self.columns[spec.column] if spec.column else self.attributes.get(spec.name))


def cause_of(actor: Any, cause: dict[str, Any] | None) -> dict[str, Any]:
    """Why something changed, as history keeps it."""
    if cause is not None:
        return cause
    if actor is None:
        return {"kind": "system"}
    return {"kind": "user", "id": actor.pk, "label": str(actor)}


def fit_values(
    subject: str, specs: Mapping[str, Spec], values: Mapping[str, Any], path: str
) -> tuple[Values, list[Problem]]:
    """Values cast to their attributes' types, and what is wrong with the others."""
    fitted: Values = {}
    problems: list[Problem] = []
    for name, value in values.items():
        spec = specs.get(name)
        if spec is None:
            text = f"There is no {subject} attribute {str(name)[:60]!r}."
            problems.append(Problem(f"{path}/{name}", text, "unknown"))
            continue
        try:
            fitted[name] = fit(subject, spec, value, f"{path}/{name}")
        except DomainError as error:
            problems += error.problems
    return fitted, problems


def read_rows(subject: str, ids: Iterable[int], *, lock: bool) -> dict[int, Row]:
    """Rows by id; locked in id order against other writers if asked."""
    names = list(COLUMNS[subject])
    erased = "erased_at IS NOT NULL" if subject == "person" else "false"
    found = sql.rows(
        f"SELECT id, merged_into_id, attributes::text, {erased}, {', '.join(names)}"
        f" FROM customers_{subject} WHERE id = ANY(%s) ORDER BY id"
        + (" FOR NO KEY UPDATE" if lock else ""),
        [sorted(set(ids))],
    )
    return {
        row[0]: Row(
            row[0], row[1], dict(zip(names, row[4:], strict=True)), json.loads(row[2]), row[3]
        )
        for row in found
    }


def diff(row: Row, values: Values, specs: Mapping[str, Spec]) -> Changes:
    """What of `values` differs from the row. Letter case of an address is no difference."""
    changes: Changes = {}
    for name, new in values.items():
        old = row.value(specs[name])
        same = (
            old is not None and new is not None and old.lower() == new.lower()
            if name == "email"
            else old == new and isinstance(old, bool) == isinstance(new, bool)
        )  # fmt: skip
        if not same and not (old is None and new is None):
            changes[name] = (old, new)
    return changes


def apply(
    subject: str,
    rows: Mapping[int, Row],
    patches: Mapping[int, Values],
    specs: Mapping[str, Spec],
    *,
    cause: dict[str, Any],
    moment: datetime,
) -> dict[int, Changes]:
    """Write the patches that change something. `rows` are locked; three statements at most."""
    changes = {i: diff(rows[i], patches[i], specs) for i in sorted(patches)}
    changed = {i: found for i, found in changes.items() if found}
    if changed:
        _update(subject, rows, changed, specs)
        write_history(subject, changed, cause=cause, moment=moment)
        touch_rows((subject, i, f"attr.{name}") for i, found in changed.items() for name in found)
    return changes


def _update(
    subject: str, rows: Mapping[int, Row], changed: dict[int, Changes], specs: Mapping[str, Spec]
) -> None:
    touched = {name for found in changed.values() for name in found}
    columns = [name for name in COLUMNS[subject] if name in touched]
    records = []
    for i, found in changed.items():
        row = rows[i]
        for name, (_, new) in found.items():
            column = specs[name].column
            if column:
                unset = COLUMNS[subject][column].unset
                row.columns[column] = unset if new is None else new
            elif new is None:
                row.attributes.pop(name, None)
            else:
                row.attributes[name] = new
        kept = {name: row.columns[name] for name in columns}
        records.append({"id": i, "attributes": row.attributes, **kept})
    shape = "".join(f", {name} {COLUMNS[subject][name].sql}" for name in columns)
    sets = "".join(f", {name} = x.{name}" for name in columns)
    sql.run(
        f"UPDATE customers_{subject} t SET attributes = x.attributes{sets}"
        f" FROM jsonb_to_recordset(%s::jsonb) AS x(id bigint, attributes jsonb{shape})"
        " WHERE t.id = x.id",
        [json.dumps(records, default=str, ensure_ascii=False)],
    )


def write_history(
    subject: str, changed: Mapping[int, Changes], *, cause: dict[str, Any], moment: datetime
) -> None:
    """Append one AttributeChange per changed value. One statement."""
    entries = [
        [i, name, old, new] for i, found in changed.items() for name, (old, new) in found.items()
    ]
    sql.run(
        "INSERT INTO customers_attributechange"
        " (subject, subject_id, name, old, new, occurred_at, recorded_at, cause)"
        " SELECT %s, (e->>0)::bigint, e->>1, NULLIF(e->2, 'null'), NULLIF(e->3, 'null'),"
        " %s, clock_timestamp(), %s::jsonb FROM jsonb_array_elements(%s::jsonb) e",
        [
            subject,
            moment,
            json.dumps(cause, default=str),
            json.dumps(entries, default=str, ensure_ascii=False),
        ],
    )

"""Working fields out for a batch: one statement, whatever its size."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from csplatform.customers.attributes import normal
from csplatform.kit import sql
from csplatform.rules.scope import Scope
from csplatform.rules.sqltext import Sql
from journeys.fields.definition import Definition, label_of, named_in, read
from journeys.steps.kind import Traveller

Pair = tuple[int, int | None]


def values_of(
    fields: Mapping[str, Definition], subject: str, pairs: Iterable[Pair], at: datetime
) -> dict[Pair, dict[str, Any]]:
    """The values of fields by key, for (subject id, company that it stands for) pairs; None is
    missing. Fields that cannot be read are left out."""
    wanted = sorted(set(pairs), key=lambda pair: (pair[0], pair[1] or 0))
    found = {key: r for key, definition in fields.items() if (r := read(definition, subject))}
    if not wanted or not found:
        return {pair: {} for pair in wanted}
    scope = Scope(subject, "s0", at, few=True, company="r.company")
    columns: Sequence[Sql] = [s.expression(asked, scope) for s, asked in found.values()]
    ids, companies = zip(*wanted, strict=True)
    rows = sql.rows(
        f"SELECT r.id, r.company, {', '.join(column.text for column in columns)}"
        " FROM (SELECT * FROM unnest(%s::bigint[], %s::bigint[]) AS u (id, company)) r"
        f" JOIN {scope.table} s0 ON s0.id = r.id",
        [*(p for column in columns for p in column.params), list(ids), list(companies)],
    )
    return {
        (row[0], row[1]): {k: normal(v) for k, v in zip(found, row[2:], strict=True)}
        for row in rows
    }


def told(
    config: Any, subject: str, travellers: Iterable[Traveller], at: datetime
) -> dict[int, dict[str, Any]]:
    """For the evidence: the values of the fields that a step's rules name, by label; {} where they
    name none."""
    fields = {str(d.get("key")): d for d in named_in(config.model_dump())}
    if not fields:
        return {}
    who = {t.id: (t.subject_id, t.at_company_id) for t in travellers}
    found = values_of(fields, subject, who.values(), at)
    return {
        participant: {label_of(fields[key]): v for key, v in found.get(pair, {}).items()}
        for participant, pair in who.items()
    }

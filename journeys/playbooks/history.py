"""Histories, events and touches: what every change of tasks and runs leaves behind."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from csplatform.customers.operations.events import EventInput, record_events
from csplatform.freshness.touches import touch_rows
from csplatform.kit import sql

TASK_FACT = "task"
PLAYBOOK_FACT = "playbook"


@dataclass(frozen=True, slots=True)
class Changed:
    """One entry to write. `old` and `new` hold columns by name."""

    task_id: int
    kind: str
    old: Mapping[str, Any] = field(default_factory=dict)
    new: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""


@dataclass(frozen=True, slots=True)
class Happened:
    """An event about a task or run. `ref` is its id."""

    name: str
    ref: int
    person_id: int | None
    company_id: int | None
    properties: Mapping[str, Any] = field(default_factory=dict)


def write_changes(rows: Sequence[Changed], *, by: Any, now: datetime) -> list[int]:
    """Append entries; their ids in order. One statement."""
    ids = sql.next_ids("journeys_taskchange_id_seq", len(rows))
    if not rows:
        return []
    data = [
        {"id": id_, "task_id": row.task_id, "kind": row.kind, "text": row.text,
         "old": dict(row.old), "new": dict(row.new)}
        for id_, row in zip(ids, rows, strict=True)
    ]  # fmt: skip
    sql.run(
        "INSERT INTO journeys_taskchange (id, task_id, kind, at, by_id, old, new, text)"
        " SELECT id, task_id, kind, %s, %s, old, new, text FROM json_to_recordset(%s)"
        " AS x (id bigint, task_id bigint, kind text, old jsonb, new jsonb, text text) ORDER BY id",
        [now, getattr(by, "pk", None), json.dumps(data, cls=DjangoJSONEncoder)],
    )
    return ids


def tell(rows: Iterable[Happened], fact: str, *, now: datetime) -> None:
    """Record events on the subjects and touch the fact, on the person and on the company."""
    happened = list(rows)
    record_events(
        [
            EventInput(
                row.name, person_id=row.person_id, company_id=row.company_id, ref=row.ref,
                properties=dict(row.properties), passive=True,
            )
            for row in happened
        ],
        moment=now,
    )  # fmt: skip
    touch_fact(((row.person_id, row.company_id) for row in happened), fact)


def touch_fact(subjects: Iterable[tuple[int | None, int | None]], fact: str) -> None:
    """Say that a fact changed of these (person id, company id) pairs."""
    touch_rows(
        (subject, subject_id, fact)
        for pair in subjects
        for subject, subject_id in zip(("person", "company"), pair, strict=True)
        if subject_id is not None
    )

"""Telling rules that a run began, moved or ended: only of programs that some rule asks about.

Whoever writes participants calls one of these in the same transaction. Programs that nobody asks
about cost one look at two indexes per batch.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from csplatform.freshness.touches import lane_of, touch_insert, touch_rows, wake_touched
from csplatform.kit import sql
from csplatform.rules.kind import FactKey
from csplatform.rules.parse import MAX_CROSSINGS
from csplatform.rules.reach import key_text
from csplatform.rules.tree import SUBJECTS
from journeys.engine.runs import Run


def runs_key(program_id: int) -> str:
    """The fact key of a program's runs."""
    return f"runs.{program_id}"


def watched(program_ids: Collection[int]) -> set[int]:
    """Those of the programs whose runs a segment's or program's rule reads. One query."""
    by_text: dict[str, int] = {
        key_text(FactKey(subject, runs_key(program_id), hops)): program_id
        for program_id in program_ids
        for subject in SUBJECTS
        for hops in range(MAX_CROSSINGS + 1)
    }
    if not by_text:
        return set()
    texts = list(by_text)
    found = sql.rows(
        "SELECT DISTINCT k FROM (SELECT unnest(fact_keys)::text FROM segments_segment"
        "  WHERE fact_keys && %(texts)s::varchar[] UNION ALL"
        " SELECT unnest(fact_keys) FROM journeys_programversion"
        "  WHERE fact_keys && %(texts)s::text[]) read (k) WHERE k = ANY(%(texts)s)",
        {"texts": texts},
    )
    return {by_text[key] for (key,) in found}


def tell_runs(runs: Iterable[Run]) -> None:
    """Participants in hand that moved, ended or reached a goal."""
    told: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for run in runs:
        t = run.traveller
        subject = "person" if t.person_id else "company"
        told[t.program_id].append((subject, t.person_id or t.company_id or 0))
    asked = watched(told)
    touch_rows(
        (subject, subject_id, runs_key(program_id))
        for program_id in asked
        for subject, subject_id in told[program_id]
    )


def tell_subjects(program_id: int, subject: str, ids: Iterable[int]) -> None:
    """People or companies who entered a program, or may have."""
    if watched([program_id]):
        touch_rows((subject, subject_id, runs_key(program_id)) for subject_id in set(ids))


def tell_where(condition: str, params: dict[str, Any]) -> None:
    """Participants that a statement is about to change, or has changed.

    `condition` is code-owned SQL over journeys_participant with named parameters.
    """
    where = f"FROM journeys_participant WHERE {condition}"
    found = sql.rows(f"SELECT DISTINCT program_id {where}", params)
    asked = sorted(watched([row[0] for row in found]))
    if not asked:
        return
    count = sql.one(f"SELECT count(*) {where}", params)
    lane = lane_of(int(count))
    source = (
        "SELECT DISTINCT CASE WHEN person_id IS NULL THEN 'company' ELSE 'person' END AS subject,"
        " coalesce(person_id, company_id) AS id, 'runs.' || program_id AS key"
        f" {where} AND program_id = ANY(%(watched)s) ORDER BY 1, 2"
    )
    sql.run(touch_insert(source, lane), {**params, "watched": asked})
    wake_touched(lane)

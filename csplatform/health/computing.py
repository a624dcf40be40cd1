"""Working scores out: for any number of companies with as many statements as there are measures."""

import json
from collections.abc import Collection, Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db import transaction

from csplatform.freshness.loop import Touched
from csplatform.freshness.touches import EVERYTHING, touch
from csplatform.health.kind import measure_kinds
from csplatform.health.models import HealthMeasure, HealthProfile
from csplatform.health.scoring import Reason, label_of, points_of, score_of
from csplatform.kit import sql
from csplatform.kit.clock import database_now
from csplatform.kit.jobs import wake_on_commit

FACT = "health"
BATCH = 1_000
# Windows and dates move by themselves, so everybody is looked at once a day at least.
OLD_HOURS = 24


def compute(company_ids: Collection[int], at: datetime) -> int:
    """Work out the scores of companies and write what changed; how many did. In a transaction."""
    ids = sorted(set(company_ids))
    found: list[dict[str, Any]] = []
    for profile, theirs in _by_profile(ids).items():
        found += _scores(profile, theirs, at)
    return _write(ids, found, at)


def _by_profile(ids: Collection[int]) -> dict[HealthProfile, list[int]]:
    """Whom each profile measures: the first that takes a company."""
    profiles = list(HealthProfile.objects.filter(is_active=True).prefetch_related("measures"))
    segments = [p.segment_id for p in profiles if p.segment_id is not None]
    inside = {
        (segment, company)
        for segment, company in sql.rows(
            "SELECT segment_id, subject_id FROM segments_member WHERE segment_id = ANY(%s)"
            " AND subject_id = ANY(%s)",
            [segments, list(ids)],
        )
    }
    ordered = [p for p in profiles if p.segment_id] + [p for p in profiles if not p.segment_id]
    left, found = list(ids), {}
    for profile in ordered:
        taken = [i for i in left if not profile.segment_id or (profile.segment_id, i) in inside]
        found[profile] = taken
        left = sorted(set(left) - set(taken))
    return found


def _scores(profile: HealthProfile, ids: list[int], at: datetime) -> list[dict[str, Any]]:
    if not ids:
        return []
    measures = [m for m in profile.measures.all() if m.kind in measure_kinds]
    values = [(measure, _values(measure, ids, at)) for measure in measures]
    found = []
    for company_id in ids:
        reasons = [_reason(measure, known.get(company_id)) for measure, known in values]
        score = score_of(reasons)
        found.append(
            {
                "id": company_id,
                "score": score,
                "label": label_of(score, profile.good_from, profile.poor_below),
                "profile": profile.pk,
                "reasons": [asdict(reason) for reason in reasons],
            }
        )
    return found


def _values(measure: HealthMeasure, ids: list[int], at: datetime) -> dict[int, float | None]:
    text, params = measure_kinds.get(measure.kind).sql(measure)
    return dict(sql.rows(text, {**params, "ids": ids, "at": at}))


def _reason(measure: HealthMeasure, value: float | None) -> Reason:
    kind = measure_kinds.get(measure.kind)
    shown = None if value is None else round(value, 2)
    label = measure.label or kind.label
    return Reason(label, shown, points_of(value, measure.tiers), measure.weight)


# Whoever has no profile any more has no score. Only a score that differs is history.
_WRITE = """
WITH given AS (
    SELECT g.id AS company_id, x.score, coalesce(x.label, '') AS label, x.profile,
        coalesce(x.reasons, '[]'::jsonb) AS reasons
    FROM unnest(%(ids)s::bigint[]) g(id) LEFT JOIN jsonb_to_recordset(%(found)s::jsonb)
        AS x(id bigint, score smallint, label text, profile bigint, reasons jsonb) ON x.id = g.id),
before AS (
    SELECT g.company_id, h.score, h.label FROM given g
    LEFT JOIN health_healthscore h ON h.company_id = g.company_id),
written AS (
    INSERT INTO health_healthscore AS h
        (company_id, score, label, profile_id, reasons, computed_at, changed_at, is_due)
    SELECT g.company_id, g.score, g.label, g.profile, g.reasons, %(at)s, %(at)s, false
    FROM given g JOIN customers_company c ON c.id = g.company_id AND c.merged_into_id IS NULL
    ORDER BY g.company_id
    ON CONFLICT (company_id) DO UPDATE SET score = excluded.score, label = excluded.label,
        profile_id = excluded.profile_id, reasons = excluded.reasons, computed_at = %(at)s,
        is_due = false, changed_at = CASE WHEN h.score IS DISTINCT FROM excluded.score
            OR h.label <> excluded.label THEN %(at)s ELSE h.changed_at END
    RETURNING company_id)
INSERT INTO health_healthchange (company_id, score, previous, label, reasons, at)
SELECT g.company_id, g.score, b.score, g.label, g.reasons, %(at)s
FROM given g JOIN before b USING (company_id) JOIN written w USING (company_id)
WHERE g.score IS DISTINCT FROM b.score OR g.label <> coalesce(b.label, '')
ORDER BY g.company_id
RETURNING company_id
"""


def _write(ids: list[int], found: list[dict[str, Any]], at: datetime) -> int:
    changed = sql.rows(_WRITE, {"ids": ids, "found": json.dumps(found), "at": at})
    touch("company", [row[0] for row in changed], [FACT])
    return len(changed)


# --- what is due ----------------------------------------------------------------------------


def pending() -> bool:
    """Whether some score is to be worked out."""
    return bool(sql.one("SELECT EXISTS (SELECT 1 FROM health_healthscore WHERE is_due)"))


def run_batch() -> int:
    """Work out the next ones; how many were looked at."""
    with transaction.atomic():
        ids = [
            row[0]
            for row in sql.rows(
                "SELECT company_id FROM health_healthscore WHERE is_due ORDER BY company_id"
                " LIMIT %s FOR UPDATE SKIP LOCKED",
                [BATCH],
            )
        ]
        if ids:
            compute(ids, database_now())
    return len(ids)


def mark_due(ids: Iterable[int]) -> None:
    """Have the scores of companies worked out anew, soon. In a transaction."""
    sql.run(
        "INSERT INTO health_healthscore AS h (company_id, label, reasons, is_due)"
        " SELECT id, '', '[]', true FROM customers_company WHERE id = ANY(%s)"
        " AND merged_into_id IS NULL ORDER BY id"
        " ON CONFLICT (company_id) DO UPDATE SET is_due = true WHERE NOT h.is_due",
        [sorted(set(ids))],
    )
    wake_on_commit("bulk")


def mark_all_due() -> None:
    """The same for everybody: a profile changed."""
    with transaction.atomic():
        sql.run(
            "INSERT INTO health_healthscore AS h (company_id, label, reasons, is_due)"
            " SELECT id, '', '[]', true FROM customers_company WHERE merged_into_id IS NULL"
            " ORDER BY id ON CONFLICT (company_id) DO UPDATE SET is_due = true WHERE NOT h.is_due"
        )
        wake_on_commit("bulk")


def sweep() -> int:
    """Mark who did something since the last look, whose score is a day old, and who is new."""
    with transaction.atomic():
        found = sql.rows(
            "SELECT a.company_id FROM customers_companyactivity a JOIN health_healthscore h"
            "  ON h.company_id = a.company_id AND NOT h.is_due"
            "  WHERE a.last_seen_at > h.computed_at"
            " UNION SELECT h.company_id FROM health_healthscore h WHERE NOT h.is_due"
            "  AND h.computed_at < now() - make_interval(hours => %s)",
            [OLD_HOURS],
        )
        if found:
            mark_due(row[0] for row in found)
    return len(found)


def follow(touched: Touched) -> None:
    """The consumer: what changed about companies is looked at again; so is who came or went."""
    if touched.subject != "company":
        return
    ids: set[int] = set()
    for key, whose in touched.keys.items():
        if key != FACT and (key == EVERYTHING or key.split(".")[0] in FAMILIES):
            ids |= whose
    if ids:
        mark_due(ids)


FAMILIES = ("attr", "segment", "invoices", "subscriptions", "membership")

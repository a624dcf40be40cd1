"""Who is in a segment: set differences in SQL, with history, count and touches."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from csplatform.freshness.flips import note_flips
from csplatform.freshness.touches import lane_of, touch_insert, wake_touched
from csplatform.kit import audit, sql
from csplatform.kit.clock import database_now
from csplatform.kit.errors import DomainError, NotAllowed
from csplatform.rules.compile import matching_query
from csplatform.rules.flips import between, next_flips, these
from csplatform.rules.scope import Scope
from csplatform.rules.sqltext import Sql
from csplatform.rules.tree import Node
from csplatform.segments.models import Kind, Segment

# As whom segments note and read next flips.
FLIPS = "segments"


@dataclass(frozen=True)
class Changed:
    """How many came and went."""

    entered: int = 0
    left: int = 0


# `fit` are those who belong, `asked` limits which members are looked at.
_DIFFERENCE = """
WITH fit AS MATERIALIZED ({fit}),
gone AS (
    DELETE FROM segments_member m WHERE m.segment_id = %s AND {asked}
    AND NOT EXISTS (SELECT 1 FROM fit WHERE fit.id = m.subject_id) RETURNING m.subject_id),
come AS (
    INSERT INTO segments_member (segment_id, subject_id, since)
    SELECT %s, fit.id, %s FROM fit WHERE NOT EXISTS (
        SELECT 1 FROM segments_member m WHERE m.segment_id = %s AND m.subject_id = fit.id)
    ORDER BY fit.id ON CONFLICT DO NOTHING RETURNING subject_id),
changed AS (SELECT subject_id, TRUE AS entered FROM come
    UNION ALL SELECT subject_id, FALSE FROM gone),
history AS (
    INSERT INTO segments_memberchange
        (segment_id, subject_id, entered, occurred_at, recorded_at, cause)
    SELECT %s, subject_id, entered, %s, clock_timestamp(), %s::jsonb FROM changed),
told AS ({told})
SELECT count(*) FILTER (WHERE entered), count(*) FILTER (WHERE NOT entered) FROM changed
"""


def refresh_members(
    segment: Segment,
    node: Node,
    at: datetime,
    *,
    cause: dict[str, Any],
    ids: Collection[int] | None = None,
    low: int | None = None,
    high: int | None = None,
) -> Changed:
    """Make the membership equal to the rule for some ids or a range of ids. One statement.

    The caller holds the segment's row lock, taken before this statement: two refreshes with
    different snapshots would else leave somebody in or out for ever.
    """
    wanted = None if ids is None else sorted(ids)
    query = matching_query(node, segment.subject, at, ids=wanted, low=low, high=high)
    asked = _asked(wanted, low, high)
    if segment.time_dependent:
        whom = between(low or 0, high) if wanted is None else these(wanted)
        if flips := next_flips(node, segment.subject, at, whom):
            note_flips(FLIPS, segment.pk, segment.subject, flips.text, flips.params, at)
    return _apply(segment, query, asked, at, cause)


def _asked(ids: list[int] | None, low: int | None, high: int | None) -> Sql:
    """Condition over the members `m` that are looked at."""
    parts: list[tuple[str, Any]] = []
    if ids is not None:
        parts.append(("m.subject_id = ANY(%s::bigint[])", ids))
    if low is not None:
        parts.append(("m.subject_id > %s", low))
    if high is not None:
        parts.append(("m.subject_id <= %s", high))
    return Sql(" AND ".join(text for text, _ in parts) or "TRUE", tuple(v for _, v in parts))


def _apply(segment: Segment, fit: Sql, asked: Sql, at: datetime, cause: dict[str, Any]) -> Changed:
    """Run the difference with its touches; count."""
    own = segment.pk
    lane = lane_of(1)
    told = touch_insert(
        "SELECT %s::text AS subject, subject_id AS id, %s::text AS key FROM changed", lane
    )
    statement = _DIFFERENCE.replace("{fit}", fit.text).replace("{asked}", asked.text)
    found = sql.rows(
        statement.replace("{told}", told),
        [*fit.params, own, *asked.params, own, at, own, own, at, json.dumps(cause),
         segment.subject, f"segment.{own}"],
    )  # fmt: skip
    changed = Changed(*found[0])
    if changed.entered != changed.left:
        sql.run(
            "UPDATE segments_segment SET member_count = member_count + %s WHERE id = %s",
            [changed.entered - changed.left, own],
        )
    if changed.entered or changed.left:
        wake_touched(lane)
    return changed


def lock_segment(segment_id: int) -> Segment:
    """The row, locked against other refreshes. Raises DomainError when it is gone."""
    found = Segment.objects.select_for_update(no_key=True).filter(pk=segment_id).first()
    if found is None:
        raise DomainError("This segment is no longer there.", code="gone")
    return found


def add_members(segment_id: int, ids: Collection[int], *, actor: Any) -> int:
    """Put people or companies on a static list; how many were new. Unknown ids are passed over.

    Raises NotAllowed without the right to change segments, DomainError for a dynamic segment.
    """
    with transaction.atomic():
        segment = _static(segment_id, actor)
        scope = Scope(segment.subject, "s0", database_now())
        fit = Sql(
            f"SELECT s0.id FROM {scope.table} s0 WHERE {scope.alive} AND s0.id = ANY(%s::bigint[])",
            (sorted(set(ids)),),
        )
        cause = {"kind": "list", "by": str(actor) if actor is not None else "system"}
        changed = _apply(segment, fit, Sql("FALSE"), scope.at, cause)
        _note(actor, "segment.add_members", segment, changed.entered)
    return changed.entered


def remove_members(segment_id: int, ids: Collection[int], *, actor: Any) -> int:
    """Take people or companies off a static list; how many were on it.

    Raises NotAllowed without the right to change segments, DomainError for a dynamic segment.
    """
    with transaction.atomic():
        segment = _static(segment_id, actor)
        asked = Sql("m.subject_id = ANY(%s::bigint[])", (sorted(set(ids)),))
        cause = {"kind": "list", "by": str(actor) if actor is not None else "system"}
        nobody = Sql("SELECT NULL::bigint AS id WHERE FALSE")
        changed = _apply(segment, nobody, asked, database_now(), cause)
        _note(actor, "segment.remove_members", segment, changed.left)
    return changed.left


def _static(segment_id: int, actor: Any) -> Segment:
    """A static segment, locked, if the actor may change it."""
    if actor is not None and not actor.has_perm("segments.change_segment"):
        raise NotAllowed("You may not change segments.", code="forbidden")
    segment = lock_segment(segment_id)
    if segment.kind != Kind.STATIC:
        message = "A rule decides who is in this segment; change the rule instead."
        raise DomainError(message, code="dynamic")
    return segment


def _note(actor: Any, verb: str, segment: Segment, count: int) -> None:
    """An audit entry if anything changed."""
    if count:
        audit.record(actor, verb, segment, after={"count": count})

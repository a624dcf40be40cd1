"""Segments forget an erased person."""

from csplatform.customers.hooks import Erasure
from csplatform.kit import sql

_LEAVE = """
WITH gone AS (
    DELETE FROM segments_member m USING segments_segment s
    WHERE s.id = m.segment_id AND s.subject = 'person' AND m.subject_id = ANY(%(ids)s)
    RETURNING m.segment_id, m.subject_id),
history AS (
    INSERT INTO segments_memberchange
        (segment_id, subject_id, entered, occurred_at, recorded_at, cause)
    SELECT segment_id, subject_id, FALSE, %(moment)s, clock_timestamp(), '{"kind": "erased"}'
    FROM gone)
SELECT segment_id, count(*) FROM gone GROUP BY segment_id ORDER BY segment_id
"""


def forget_member(erasure: Erasure) -> None:
    """Off all lists, static and dynamic, with history."""
    left = sql.rows(_LEAVE, {"ids": list(erasure.ids), "moment": erasure.moment})
    for segment_id, count in left:
        sql.run(
            "UPDATE segments_segment SET member_count = member_count - %s WHERE id = %s",
            [count, segment_id],
        )

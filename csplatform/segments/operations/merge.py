"""Segments follow when two people become one."""

from datetime import datetime

from csplatform.freshness.touches import touch
from csplatform.kit import sql

_FOLLOW = """
WITH lists AS (
    SELECT m.segment_id FROM segments_member m JOIN segments_segment s ON s.id = m.segment_id
    WHERE m.subject_id = %(loser)s AND s.subject = 'person' AND s.kind = 'static'),
gone AS (
    DELETE FROM segments_member m USING lists l
    WHERE m.segment_id = l.segment_id AND m.subject_id = %(loser)s
    RETURNING m.segment_id, m.subject_id),
come AS (
    INSERT INTO segments_member (segment_id, subject_id, since)
    SELECT segment_id, %(winner)s, %(moment)s FROM lists ON CONFLICT DO NOTHING
    RETURNING segment_id, subject_id),
changed AS (
    SELECT segment_id, subject_id, TRUE AS entered FROM come
    UNION ALL SELECT segment_id, subject_id, FALSE FROM gone),
history AS (
    INSERT INTO segments_memberchange
        (segment_id, subject_id, entered, occurred_at, recorded_at, cause)
    SELECT segment_id, subject_id, entered, %(moment)s, clock_timestamp(), '{"kind": "merge"}'
    FROM changed)
SELECT segment_id, sum(CASE WHEN entered THEN 1 ELSE -1 END) FROM changed GROUP BY segment_id
"""


def follow_merge(winner_id: int, loser_id: int, moment: datetime) -> None:
    """The winner takes the loser's places on static lists; rules decide about the dynamic ones.

    A merge hook: runs in the merge's transaction, and may run twice.
    """
    who = {"winner": winner_id, "loser": loser_id, "moment": moment}
    rows = sql.rows(_FOLLOW, who)
    for segment_id, balance in sorted(rows):
        sql.run(
            "UPDATE segments_segment SET member_count = member_count + %s WHERE id = %s",
            [balance, segment_id],
        )
        touch("person", [winner_id, loser_id], [f"segment.{segment_id}"])

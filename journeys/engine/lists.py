"""What members of a program's own lists and queries bring along."""

import json
from collections.abc import Iterable, Sequence

from csplatform.kit import sql
from journeys.engine.candidates import Candidate, Entry
from journeys.flow.entry import CsvSource
from journeys.models import Program


def brought(
    program: Program, entry: Entry, segment_id: int, ids: Sequence[int]
) -> Sequence[int | Candidate]:
    """Members of a source with the context id and fields of their rows, where it is a file.

    Somebody with several rows is a candidate for each of them. Others are bare ids.
    """
    if not ids or not any(entry.config.of_kind(CsvSource)):
        return ids
    found = sql.rows(
        f"SELECT r.{program.type}_id, r.context_id, r.fields, r.number FROM journeys_entryrow r"
        " JOIN journeys_entrylist l ON l.id = r.entry_list_id WHERE l.segment_id = %s"
        f" AND l.program_id = %s AND r.{program.type}_id = ANY(%s) AND r.error = ''"
        f" ORDER BY r.{program.type}_id, r.number",
        [segment_id, program.pk, list(ids)],
    )
    if not found:
        return ids
    return [
        Candidate(pk, context_id, json.loads(fields), {"row": number})
        for pk, context_id, fields, number in found
    ]


def counted_at_first(segment_id: int, ids: Iterable[int]) -> list[int]:
    """Of these members of a query those who were inside when it was first worked out: they count
    as already inside when the program was published."""
    found = sql.rows(
        "SELECT subject_id FROM (SELECT DISTINCT ON (c.subject_id) c.subject_id, c.cause,"
        # the sweep that finds what was missed comes once a day
        "   c.occurred_at < s.created_at + interval '1 hour' AS at_first"
        "  FROM segments_memberchange c JOIN segments_segment s ON s.id = c.segment_id"
        "  WHERE c.segment_id = %s AND c.subject_id = ANY(%s) AND c.entered AND s.owner <> ''"
        "  AND s.kind = 'dynamic' ORDER BY c.subject_id, c.id DESC) last"
        " WHERE last.cause->>'kind' = 'recompute' AND last.at_first",
        [segment_id, list(ids)],
    )
    return [row[0] for row in found]

"""Entering again by itself, some days after a run ended, for those who are inside a source still
(PRG-22).

An index over the ends of runs is walked up to the moment that is due; how far is noted with the
program in the transaction that lets people in. Nothing is scheduled, so nothing is lost, and
nobody is looked at before the time.
"""

from django.db import transaction

from csplatform.kit import sql
from csplatform.kit.clock import database_now
from journeys.engine.candidates import Candidate, Entry, entry_of
from journeys.engine.entry import enter
from journeys.engine.lists import brought
from journeys.engine.versions import load_versions
from journeys.models import Program

CHUNK = 5_000

# Programs that let people in again, with ends of runs that are due. Ends of a day ago and more are
# all committed: the walk cannot pass one by.
_DUE = (
    " FROM journeys_program g JOIN journeys_programversion v ON v.id = g.published_id"
    " WHERE v.reenter_days IS NOT NULL AND g.state = 'active' AND g.accepts_entries"
    " AND g.quarantine = '' AND EXISTS (SELECT 1 FROM journeys_participant p"
    "  WHERE p.program_id = g.id AND p.ended_at > coalesce(g.reentered_until, '-infinity')"
    "  AND p.ended_at <= now() - make_interval(days => v.reenter_days))"
)


def pending() -> bool:
    """Whether anybody may enter again."""
    return bool(sql.one(f"SELECT EXISTS (SELECT 1 {_DUE})"))


def run_chunk() -> int:
    """Let the next ones of one program in again; its own commit (bulk lane). How many ends of runs
    were looked at, 0 when none is due."""
    program_id = sql.one(f"SELECT g.id {_DUE} ORDER BY g.id LIMIT 1")
    if program_id is None:
        return 0
    with transaction.atomic():
        rows = Program.objects.select_for_update(of=("self",), no_key=True)
        program = rows.select_related("published").get(pk=program_id)
        if not program.takes_in or program.published is None:
            return 1  # changed since it was chosen
        version = load_versions([program.published.pk]).get(program.published.pk)
        if version is None or program.published.reenter_days is None:
            return 1
        now, entry = database_now(), entry_of(program.published)
        ended = _next_ends(program, program.published.reenter_days)
        for segment_id, candidates in _returning(program, entry, ended):
            enter(
                program, version, entry, candidates, now=now,
                cause={"segment": segment_id, "how": "again after some days"},
            )  # fmt: skip
        if ended:
            program.reentered_until = max(row[2] for row in ended)
            program.save(update_fields=["reentered_until"])
    return len(ended) or 1


def _next_ends(program: Program, days: int) -> list[tuple]:
    """(subject, context id, end) of the next runs whose days are over; all that ended at the same
    moment stay together."""
    column = f"{program.type}_id"
    due = (
        "program_id = %(program)s AND ended_at > coalesce(%(since)s::timestamptz, '-infinity')"
        " AND ended_at <= clock_timestamp() - make_interval(days => %(days)s)"
    )
    return sql.rows(
        f"SELECT p.{column}, p.context_id, p.ended_at FROM journeys_participant p WHERE {due}"
        f" AND ended_at <= (SELECT max(ended_at) FROM (SELECT ended_at FROM journeys_participant"
        f"  WHERE {due} ORDER BY ended_at LIMIT {CHUNK}) few)",
        {"program": program.pk, "since": program.reentered_until, "days": days},
    )


def _returning(
    program: Program, entry: Entry, ended: list[tuple]
) -> list[tuple[int, list[int | Candidate]]]:
    """Who of those is inside a source and has no later run, by source; each once."""
    column, table = f"{program.type}_id", "journeys_participant"
    left = {(subject_id, context_id) for subject_id, context_id, _ in ended}
    busy = sql.rows(
        f"SELECT p.{column}, p.context_id FROM {table} p WHERE p.program_id = %s"
        f" AND p.{column} = ANY(%s) AND (p.ended_at IS NULL OR p.ended_at > %s)",
        [program.pk, sorted({pk for pk, _ in left}), max((row[2] for row in ended), default=None)],
    )
    left -= set(busy)
    found: list[tuple[int, list[int | Candidate]]] = []
    for segment_id in entry.segments:
        inside = sql.rows(
            "SELECT subject_id FROM segments_member WHERE segment_id = %s"
            " AND subject_id = ANY(%s) ORDER BY subject_id",
            [segment_id, sorted({pk for pk, _ in left})],
        )
        taken: list[int | Candidate] = []
        for one in brought(program, entry, segment_id, [row[0] for row in inside]):
            key = (one, "") if isinstance(one, int) else (one.id, one.context_id)
            if key in left:
                left.discard(key)
                taken.append(one)
        if taken:
            found.append((segment_id, taken))
    return found

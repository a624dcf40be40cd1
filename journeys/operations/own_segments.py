"""Segments that belong to a program: its queries and its uploaded files (PRG-20).

So membership, freshness and flips of those are the segments' own, and nobody finds them in a list.
"""

from collections.abc import Iterable
from typing import Any

from csplatform.kit.errors import DomainError
from csplatform.rules.parse import dump, parse_rule
from csplatform.segments.models import Kind, Segment
from csplatform.segments.operations.definition import SegmentInput, drop_owned, own_segment
from journeys.flow.entry import CsvSource, EntryConfig, QuerySource, SegmentSource
from journeys.models import EntryList, Program, ProgramVersion


def owner_of(program: Program) -> str:
    """As what its segments are marked."""
    return f"program:{program.pk}"


def files_of(program: Program) -> list[int]:
    """The segments behind its uploaded files."""
    return list(EntryList.objects.filter(program=program).values_list("segment_id", flat=True))


def entry_segments(program: Program, entry: EntryConfig) -> list[int]:
    """All segments whose members enter, the queries' made where they are new. In a transaction.

    Raises DomainError with the path of a query that cannot be asked.
    """
    found = {source.segment for source in entry.of_kind(SegmentSource)}
    files = EntryList.objects.filter(
        program=program, pk__in=[source.list for source in entry.of_kind(CsvSource)]
    )
    found |= set(files.values_list("segment_id", flat=True))
    rules = [
        (index, source.rule)
        for index, source in enumerate(entry.sources)
        if isinstance(source, QuerySource)
    ]
    return sorted(found | set(_query_segments(program, rules)))


def _query_segments(program: Program, rules: Iterable[tuple[int, dict[str, Any]]]) -> list[int]:
    """One segment per query; the same rule as before is the same segment, members and all."""
    there = Segment.objects.filter(owner=owner_of(program), kind=Kind.DYNAMIC)
    known = {_text(row.rule): row.pk for row in there}
    found = []
    for index, given in rules:
        path = f"/entry/sources/{index}/rule"
        rule = dump(parse_rule(given, program.type, path))
        if _text(rule) not in known:
            name = f"Query of “{program.name[:100]}”"
            made = own_segment(
                SegmentInput(name, "", program.type, Kind.DYNAMIC, rule), owner_of(program)
            )
            known[_text(rule)] = made.pk
        found.append(known[_text(rule)])
    return found


def _text(rule: Any) -> str:
    return repr(sorted(rule.items())) if isinstance(rule, dict) else repr(rule)


def drop_unused(program: Program) -> int:
    """Forget queries that neither the newest version nor anybody inside needs. In a transaction."""
    needed = set(files_of(program))
    inside = program.participants.filter(ended_at=None).order_by().values("version").distinct()
    versions = ProgramVersion.objects.filter(pk__in=inside) | ProgramVersion.objects.filter(
        pk=program.published_id or 0
    )
    for segments in versions.values_list("entry_segments", flat=True):
        needed |= set(segments or ())
    return drop_owned(owner_of(program), keep=needed)


def own_list(program: Program, name: str) -> Segment:
    """A static list of a program's own. In a transaction."""
    if len(name) > 120:
        name = name[:119] + "…"
    try:
        return own_segment(SegmentInput(name, "", program.type, Kind.STATIC), owner_of(program))
    except DomainError as error:
        raise DomainError(error.problems[0].message, path="/file") from None

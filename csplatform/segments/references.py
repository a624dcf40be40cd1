"""Segments named in rules of segments: no circles, and who names whom."""

from collections.abc import Collection

from csplatform.kit.errors import DomainError
from csplatform.rules.parse import MAX_CROSSINGS, load_rule
from csplatform.rules.references import references
from csplatform.rules.tree import SUBJECTS, Node
from csplatform.segments.models import Segment
from csplatform.segments.usage import Use


def named_segments(node: Node, subject: str) -> set[int]:
    """Ids of the segments that a rule names."""
    return {id_ for type_, id_ in references(node, subject) if type_ == "segment"}


def _named_by_stored(segment: Segment) -> set[int]:
    try:
        return named_segments(load_rule(segment.rule, segment.subject), segment.subject)
    except DomainError:
        return set()


def refuse_circle(segment_id: int, node: Node, subject: str) -> None:
    """Raise DomainError when a rule of this segment leads back to the segment itself."""
    rows = {row.pk: row for row in Segment.objects.dynamic()}
    below = {pk: _named_by_stored(row) for pk, row in rows.items()}
    seen: set[int] = set()
    waiting = list(named_segments(node, subject))
    while waiting:
        current = waiting.pop()
        if current == segment_id:
            message = "A segment cannot depend on itself, not even over other segments."
            raise DomainError(message, path="/rule", code="circle")
        if current not in seen:
            seen.add(current)
            waiting.extend(below.get(current, ()))


def used_by_segments(segment: Segment) -> list[Use]:
    """Other segments whose rules name this one."""
    return [
        Use("Segment", other.name, f"/admin/segments/segment/{other.pk}/change/")
        for other in Segment.objects.dynamic().exclude(pk=segment.pk)
        if segment.pk in _named_by_stored(other)
    ]


def segments_using_parts(paths: Collection[str]) -> list[str]:
    """Labels of segments whose rules name a part of the usage tree."""
    wanted = [
        f"{subject}:usage.{path}:{hops}"
        for path in paths
        for subject in SUBJECTS
        for hops in range(MAX_CROSSINGS + 1)
    ]
    found = Segment.objects.dynamic().filter(fact_keys__overlap=wanted)
    return [f"Segment “{segment}”" for segment in found]


def segments_using_attribute(subject: str, name: str) -> list[str]:
    """Labels of segments whose rules read an attribute, at whatever distance."""
    wanted = [f"{subject}:attr.{name}:{hops}" for hops in range(MAX_CROSSINGS + 1)]
    found = Segment.objects.dynamic().filter(fact_keys__overlap=wanted)
    return [f"Segment “{segment}”" for segment in found]

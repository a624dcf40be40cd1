"""Why somebody is in a segment or not: the rule test by test, now or as of a past instant."""

from dataclasses import dataclass
from datetime import datetime

from csplatform.kit.errors import DomainError
from csplatform.rules.evaluate import Explained, explain
from csplatform.rules.load import load_facts
from csplatform.rules.parse import load_rule
from csplatform.rules.references import needs_of
from csplatform.segments.kinds.segment import members_of
from csplatform.segments.models import MemberChange, Segment, SegmentDefinition


@dataclass(frozen=True)
class Why:
    """The answer about one person or company.

    Attributes:
        label: their name; "" when there is nobody of the id.
        inside: whether they were a member.
        alive: False for merged and erased ones, and for those not yet created then.
        explained: the rule's answer; None for static lists.
        definition: number of the rule that was in force; 0 for lists, and before the first one.
        changes: comings and goings, the newest first.
        problem: why there is no answer.
    """

    label: str
    inside: bool = False
    alive: bool = True
    explained: Explained | None = None
    definition: int = 0
    changes: tuple[MemberChange, ...] = ()
    problem: str = ""


def why(segment: Segment, subject_id: int, at: datetime, *, past: bool) -> Why:
    """Explain one membership as of `at`; `past`: with what was known then, by the rule of then."""
    facts = load_facts(segment.subject, [subject_id], needs_of(load_rule({}, segment.subject),
                                                               segment.subject), at)  # fmt: skip
    if subject_id not in facts:
        return Why("")
    label = facts[subject_id].label
    pair = (segment.pk, subject_id)
    inside = pair in members_of(segment.subject, [subject_id], [segment.pk], at if past else None)
    changes = MemberChange.objects.filter(segment=segment, subject_id=subject_id).order_by("-id")
    found = Why(label, inside, changes=tuple(changes[:20]))
    if not segment.is_dynamic:
        return found
    definition = _definition(segment, at if past else None)
    if definition is None:
        return Why(label, inside, changes=found.changes, problem="There was no rule yet.")
    try:
        node = load_rule(definition.rule, segment.subject)
    except DomainError as error:
        return Why(label, inside, changes=found.changes, problem=str(error))
    needs = needs_of(node, segment.subject)
    then = load_facts(segment.subject, [subject_id], needs, at, past=past)[subject_id]
    explained = explain(node, then, at) if then.alive else None
    return Why(label, inside, then.alive, explained, definition.number, found.changes)


def _definition(segment: Segment, moment: datetime | None) -> SegmentDefinition | None:
    """The rule in force, now or at a moment."""
    rows = SegmentDefinition.objects.filter(segment=segment).order_by("-number")
    if moment is not None:
        rows = rows.filter(occurred_at__lte=moment)
    return rows.first()

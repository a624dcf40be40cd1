"""What is wrong with who gets in, with the goal, and with what takes people out (PRG-11)."""

from collections.abc import Iterable, Iterator
from typing import Any

from csplatform.kit.errors import DomainError
from csplatform.kit.schema import parse_config
from csplatform.rules.kind import Known
from csplatform.rules.parse import parse_rule
from csplatform.segments.models import Segment
from journeys.flow.document import Flow
from journeys.flow.entry import (
    ControlConfig,
    CsvSource,
    EntryConfig,
    EventSource,
    LeavingConfig,
    QuerySource,
    SegmentSource,
)
from journeys.flow.marks import StepMark
from journeys.models import EntryList, Program
from journeys.models.program import ProgramState
from journeys.steps.kind import EventOffer

NO_SOURCE = "Nobody enters by itself: add a source, or enrol by hand."


def entry_marks(flow: Flow, subject: str, program_id: int, known: Known) -> Iterator[StepMark]:
    """Everything about the entry."""
    try:
        entry = parse_config(EntryConfig, dict(flow.entry), "/entry")
    except DomainError as error:
        yield from _marks(error)
        return
    yield from _segment_marks(entry, subject)
    yield from _list_marks(entry, program_id)
    for index, source in enumerate(entry.sources):
        if isinstance(source, QuerySource):
            path = f"/entry/sources/{index}/rule"
            yield from rule_marks(source.rule, subject, path, known)
    if not entry.sources:
        yield StepMark("", "/entry/sources", NO_SOURCE, "warning", "no_source")
    yield from _once_marks(entry, subject)


def _marks(error: DomainError) -> Iterator[StepMark]:
    return (StepMark("", p.path, p.message, code=p.code) for p in error.problems)


def _segment_marks(entry: EntryConfig, subject: str) -> Iterator[StepMark]:
    wanted = {source.segment for source in entry.of_kind(SegmentSource)}
    found = dict(Segment.objects.filter(pk__in=wanted).values_list("pk", "subject"))
    failed = set(Segment.objects.filter(pk__in=wanted, state="failed").values_list("pk", flat=True))
    whom = "people" if subject == "person" else "companies"
    for index, source in enumerate(entry.sources):
        if not isinstance(source, SegmentSource):
            continue
        path = f"/entry/sources/{index}"
        if source.segment not in found:
            yield StepMark("", path, "This segment no longer exists; choose another.")
        elif found[source.segment] != subject:
            yield StepMark("", path, f"This segment does not hold {whom}.")
        elif source.segment in failed:
            message = "This segment cannot be worked out, so nobody comes: mend its rule."
            yield StepMark("", path, message, "warning", "failed_segment")


def _list_marks(entry: EntryConfig, program_id: int) -> Iterator[StepMark]:
    wanted = [source.list for source in entry.of_kind(CsvSource)]
    if not wanted:
        return
    there = EntryList.objects.filter(program=program_id, pk__in=wanted).in_bulk()
    for index, source in enumerate(entry.sources):
        if not isinstance(source, CsvSource):
            continue
        path, found = f"/entry/sources/{index}", there.get(source.list)
        if found is None:
            message = "This file is not here (any more): upload it, or remove the source."
            yield StepMark("", path, message, code="missing")
        elif found.done_at is not None and not found.matched:
            message = f"No row of “{found.name}” means anybody: look at what is wrong with them."
            yield StepMark("", path, message, "warning", "nobody")


def _once_marks(entry: EntryConfig, subject: str) -> Iterator[StepMark]:
    """Limits that cannot hold what they promise."""
    if subject == "company" and (bad := {"email", "person"} & set(entry.unique_by)):
        message = f"Companies have no {' and no '.join(sorted(bad))}: choose another."
        yield StepMark("", "/entry/unique_by", message, code="subject")
    if subject == "company" and entry.same_email_days:
        message = "Companies have no email: leave this empty."
        yield StepMark("", "/entry/same_email_days", message, code="subject")
    if entry.unique_period != "ever" and not entry.makes_keys:
        message = "A period alone limits nothing: choose above what counts once in it."
        yield StepMark("", "/entry/unique_period", message, "warning", "no_key")
    brings = any(source.context_id for source in entry.of_kind(EventSource))
    members = [s for s in entry.sources if isinstance(s, (SegmentSource, QuerySource))]
    if entry.needs_context_id and members and not brings:
        message = "Members of segments and queries have no context id: they are all refused."
        yield StepMark("", "/entry/needs_context_id", message, "warning", "no_context")


def circle_marks(flow: Flow, offers: Iterable[Iterable[EventOffer]]) -> Iterator[StepMark]:
    """An event that the program's own steps cause would let the same people in for ever."""
    if flow.entry.get("re_enrolment") != "every_time":
        return
    own = {offer.event for some in offers for offer in some}
    sources = flow.entry.get("sources")
    for index, source in enumerate(sources if isinstance(sources, list) else []):
        if isinstance(source, dict) and source.get("event") in own:
            message = (
                "A step of this program causes this event, so people would enter again for ever:"
                " let them in never again, or after some days."
            )
            yield StepMark("", f"/entry/sources/{index}/event", message, code="circle")


def aim_marks(flow: Flow, subject: str, program_id: int, known: Known) -> Iterator[StepMark]:
    """Goal, exit rules, what else takes people out, the control group."""
    if flow.goal is not None:
        yield from rule_marks(flow.goal, subject, "/goal", known)
    for index, rule in enumerate(flow.exit_rules):
        yield from rule_marks(rule.get("rule"), subject, f"/exits/{index}/rule", known)
    yield from _leaving_marks(flow, subject, program_id)
    try:
        control = parse_config(ControlConfig, dict(flow.control), "/control")
    except DomainError as error:
        yield from _marks(error)
        return
    if control.percent and flow.goal is None:
        message = "A control group shows what the program brings for its goal: set one."
        yield StepMark("", "/control/percent", message, "warning", "no_goal")


def rule_marks(rule: Any, subject: str, path: str, known: Known) -> Iterator[StepMark]:
    """A rule that cannot be read, or that asks nothing."""
    try:
        parse_rule(rule, subject, path, known=known)
    except DomainError as error:
        yield from _marks(error)
    if rule in ({}, {"all": []}):
        message = "This rule asks nothing, so it is true for everybody at once: add a test."
        yield StepMark("", path, message, code="empty_rule")


def _leaving_marks(flow: Flow, subject: str, program_id: int) -> Iterator[StepMark]:
    try:
        leaving = parse_config(LeavingConfig, dict(flow.leaving), "/leaving")
    except DomainError as error:
        yield from _marks(error)
        return
    if leaving.when_left and not _has_members(flow):
        message = "No source has members that one could leave, so this never happens."
        yield StepMark("", "/leaving/when_left", message, "warning", "no_members")
    if leaving.unenrol != "chosen":
        return
    path = "/leaving/unenrol_programs"
    if not leaving.unenrol_programs:
        yield StepMark("", path, "Choose the programs that entering takes out of.", code="missing")
    there = dict(
        Program.objects.filter(pk__in=leaving.unenrol_programs)
        .exclude(state=ProgramState.STOPPED)
        .values_list("pk", "type")
    )
    for index, pk in enumerate(leaving.unenrol_programs):
        if pk == program_id:
            message = "Nobody is taken out of this program itself: choose others."
            yield StepMark("", f"{path}/{index}", message)
        elif pk not in there:
            message = "This program is over or gone, so nobody is inside: remove it."
            yield StepMark("", f"{path}/{index}", message, "warning", "gone")
        elif there[pk] != subject:
            yield StepMark("", f"{path}/{index}", "This program is not for the same subjects.")


def _has_members(flow: Flow) -> bool:
    sources = flow.entry.get("sources")
    items = sources if isinstance(sources, list) else []
    return any(isinstance(s, dict) and s.get("kind", "segment") != "event" for s in items)

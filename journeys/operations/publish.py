"""Publishing: what would happen, and making it so in one transaction (PRG-40, 41, 42)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from csplatform.customers.operations.events import subscribe
from csplatform.kit import audit
from csplatform.kit.clock import database_now
from csplatform.kit.errors import Conflict, DomainError, Problem
from csplatform.kit.jobs import wake_on_commit
from csplatform.kit.permissions import require
from csplatform.kit.schema import parse_config
from csplatform.segments.models import Segment
from journeys.engine import arrivals
from journeys.engine.inbox import CONSUMER
from journeys.engine.reactions import fact_events, note_interest
from journeys.engine.versions import CompiledVersion, load_versions
from journeys.flow.checks import StepMark, check_flow, errors
from journeys.flow.document import Flow, walk
from journeys.flow.entry import EntryConfig
from journeys.flow.entry_words import ids_in
from journeys.flow.parse import parse_flow
from journeys.models import EntryScan, Program, ProgramStateChange, ProgramVersion, Relocation, Step
from journeys.models.program import LifeEvent, ProgramState
from journeys.operations.newcomers import ENTER, HELD_OUT, count_newcomers
from journeys.operations.own_segments import drop_unused, entry_segments
from journeys.operations.relocate import (
    Choices,
    Standing,
    described,
    standing,
    start_relocations,
)
from journeys.operations.review import review_marks
from journeys.steps.kind import StepKind
from journeys.steps.registry import step_kinds

PUBLISHABLE = (ProgramState.DRAFT, ProgramState.SCHEDULED, ProgramState.ACTIVE)


@dataclass(frozen=True)
class PublishPreview:
    """What publishing now would do.

    Attributes:
        would_enter: members who would enter at once.
        refused: (reason, sentence, count) of those who would not.
        marks: everything that the checks say; errors block.
        waiting: participants inside; they stay on their version unless chosen otherwise.
        standing: where they stand.
        counting: names of source segments whose members are being worked out just now.
        held_out: members who would enter the control group instead.
    """

    would_enter: int
    refused: tuple[tuple[str, str, int], ...]
    marks: tuple[StepMark, ...]
    references: tuple[tuple[str, int | str], ...]
    waiting: int
    standing: tuple[Standing, ...] = ()
    counting: tuple[str, ...] = ()
    held_out: int = 0

    @property
    def can_publish(self) -> bool:
        """Whether nothing blocks."""
        return not errors(list(self.marks))


def publish_preview(program_id: int) -> PublishPreview:
    """Counts and problems, without changing anything. Reads the draft."""
    program = Program.objects.get(pk=program_id)
    flow = parse_flow(program.draft)
    marks = check_flow(flow, subject=program.type, program_id=program.pk)
    marks += review_marks(program, flow)
    counts = count_newcomers(program, flow)
    places = standing(program, flow) if program.published_id else ()
    return PublishPreview(
        would_enter=sum(row.count for row in counts if row.key == ENTER),
        held_out=sum(row.count for row in counts if row.key == HELD_OUT),
        refused=tuple((r.reason, r.sentence, r.count) for r in counts if r.reason is not None),
        marks=tuple(marks),
        references=tuple(sorted(_references(flow), key=str)),
        waiting=sum(place.count for place in places),
        standing=places,
        counting=_being_counted(flow),
    )


def _being_counted(flow: Flow) -> tuple[str, ...]:
    """Right after a segment was made or changed, fewer would enter than there will be."""
    ids = ids_in(flow.entry, "segment", "segment")
    counted = Segment.objects.filter(pk__in=ids).due()
    return tuple(counted.values_list("name", flat=True)) if ids else ()


def _kinds_of(flow: Flow) -> list[tuple[StepKind, Any]]:
    """Kinds and parsed configs of all steps that can be read."""
    found = []
    for place in walk(flow):
        if place.step.kind in step_kinds:
            kind = step_kinds.get(place.step.kind)
            try:
                found.append((kind, parse_config(kind.Config, dict(place.step.config))))
            except DomainError:
                continue
    return found


def _references(flow: Flow) -> set[tuple[str, int | str]]:
    found: set[tuple[str, int | str]] = set()
    for kind, config in _kinds_of(flow):
        found |= kind.references(config)
    return found


def publish_program(
    program_id: int, *, actor: Any, revision: int | None = None, moves: Choices | None = None
) -> ProgramVersion:
    """Freeze the draft as the next version and let people in.

    Everything or nothing, in one transaction: checks, version, steps, associations, entry, and the
    decision what becomes of those who stand at steps of earlier versions.

    Args:
        revision: the draft that was looked at.
        moves: step key -> {"do": "stay" | "move" | "end", "to": step key}; who is not named stays.

    Raises DomainError with a problem per step, Conflict when the state or draft has changed.
    """
    require(actor, "journeys.publish_program")
    with transaction.atomic():
        program = Program.objects.select_for_update(no_key=True).get(pk=program_id)
        if program.state not in PUBLISHABLE:
            state = program.get_state_display().lower()
            raise Conflict(f"A {state} program cannot be published.", code="state")
        if revision is not None and program.draft_revision != revision:
            raise Conflict("The flow changed since you looked at it; look again.", code="stale")
        if program.published and program.published.in_force() == program.draft:
            raise Conflict("Nothing has changed since the published version.", code="unchanged")
        flow = parse_flow(program.draft)
        found = errors(check_flow(flow, subject=program.type, program_id=program.pk))
        _refuse(found)
        now = database_now()
        entry = parse_config(EntryConfig, dict(flow.entry), "/entry")
        version = _freeze(program, flow, entry, now, actor)
        compiled = load_versions([version.pk])[version.pk]
        _associate(compiled)
        subscribe_version(compiled)
        arrivals.listen(entry)
        note_interest(compiled, version)
        moved = start_relocations(program, version, moves or {}, now=now, actor=actor)
        _activate(program, version, now, actor, moved)
        _start_entry(program, entry, version, now)
        drop_unused(program)
    return version


def _refuse(marks: list[StepMark]) -> None:
    if marks:
        raise DomainError([Problem(m.path, m.message, m.code) for m in marks])


def _freeze(
    program: Program, flow: Flow, entry: EntryConfig, now: datetime, actor: Any
) -> ProgramVersion:
    last = program.versions.order_by("-number").values_list("number", flat=True).first() or 0
    version = ProgramVersion.objects.create(
        program=program, number=last + 1, document=program.draft, published_at=now,
        published_by=actor,
        entry_segments=entry_segments(program, entry), entry_events=arrivals.event_names(entry),
        reenter_days=entry.re_enrolment_days if entry.re_enrolment == "after_days" else None,
    )  # fmt: skip
    Step.objects.bulk_create(
        Step(
            version=version,
            key=place.step.key,
            kind=place.step.kind,
            name=place.step.name,
            config=dict(place.step.config),
            parent_key=place.parent_key,
            parent_exit=place.parent_exit,
            position=place.position,
        )
        for place in walk(flow)
    )
    return version


def _associate(version: CompiledVersion) -> None:
    """Every kind takes what its step uses; one refusal undoes the whole publishing."""
    problems = []
    for view in version.steps.values():
        problems += [
            Problem(f"/{view.key}{mark.path}", f"{view.name}: {mark.message}", mark.code)
            for mark in view.kind.on_publish(view)
            if mark.level == "error"
        ]
    if problems:
        raise DomainError(problems)


def subscribe_version(version: CompiledVersion) -> None:
    """Ask for inbox rows of all events that waits of this version listen to, inside the operation
    that puts it in force."""
    names: set[str] = set()
    for view in version.steps.values():
        names |= view.kind.listens_to(view.config, version.steps)
    if names:
        subscribe(sorted(names), CONSUMER)
    events = fact_events(version)
    if events:
        subscribe(sorted(events), "freshness")


def _activate(
    program: Program, version: ProgramVersion, now: datetime, actor: Any, moved: list[Relocation]
) -> None:
    old = program.state
    program.state, program.published, program.published_at = ProgramState.ACTIVE, version, now
    program.to_review = {}
    planned = program.publish_at is not None and program.publish_at <= now
    plan_fields = forget_plan(program)
    program.save(
        update_fields=[
            "state", "published", "published_at", "to_review", *plan_fields, "updated_at",
        ]
    )  # fmt: skip
    reason = f"Published version {version.number}{', as scheduled' if planned else ''}"
    record_state(program, old, now, actor, reason, what=LifeEvent.PUBLISHED)
    audit.record(
        actor, "program.publish", program, before={"state": old},
        after={"version": version.number, "moves": described(moved)},
    )  # fmt: skip


def forget_plan(program: Program) -> tuple[str, ...]:
    """Nothing is scheduled any more and no failure is left to look at; the fields to be saved."""
    program.publish_at, program.publish_by = None, None
    program.publish_plan, program.publish_failure = {}, []
    return ("publish_at", "publish_by", "publish_plan", "publish_failure")


def record_state(
    program: Program, old: str, now: datetime, actor: Any, reason: str, *, what: str = ""
) -> ProgramStateChange:
    """A row of the program's own history; `what` is a LifeEvent."""
    return ProgramStateChange.objects.create(
        program=program, old=old, new=program.state, reason=reason, at=now, by=actor, what=what
    )


def _start_entry(
    program: Program, entry: EntryConfig, version: ProgramVersion, now: datetime
) -> None:
    """Have those taken in who are inside already. Members of a new query enter as they are found,
    so a scan of it ends at once."""
    if not entry.include_existing:
        return
    for segment_id in version.entry_segments or ():
        EntryScan.objects.create(program=program, segment_id=segment_id, started_at=now)
    wake_on_commit("bulk")


def state_before(program: Program) -> Mapping[str, Any]:
    """What an audit entry says about a program before a change of state."""
    return {"state": program.state}

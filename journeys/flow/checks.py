"""Everything wrong with a flow, at the step where it is wrong (PRG-11)."""

from typing import Any

from csplatform.kit.errors import DomainError
from csplatform.kit.schema import parse_config
from csplatform.rules.kind import Known
from journeys.fields.definition import by_key, problems_of
from journeys.flow.document import Flow, Place, walk
from journeys.flow.entry_checks import aim_marks, circle_marks, entry_marks
from journeys.flow.fields import with_fields
from journeys.flow.marks import StepMark
from journeys.flow.models import objections
from journeys.models import Program
from journeys.steps.kind import CheckContext, StepKind
from journeys.steps.registry import step_kinds

Parsed = dict[str, tuple[StepKind, Any]]


def check_flow(
    flow: Flow, *, subject: str, program_id: int, model: str | None = None
) -> list[StepMark]:
    """All marks of a flow, in reading order. Reads the database, changes nothing.

    What is looked up is looked up once for the whole flow, however many steps ask for it.

    Args:
        model: key of the program's model; None looks it up.
    """
    known = Known()
    marks = _check_fields(flow, subject, known)
    flow = with_fields(flow)
    marks += entry_marks(flow, subject, program_id, known)
    marks += aim_marks(flow, subject, program_id, known)
    marks += _check_model(flow, program_id, model)
    places = list(walk(flow))
    parsed, unreadable = _parse(places, subject)
    references = frozenset(r for kind, config in parsed.values() for r in kind.references(config))
    names = {place.step.key: place.step.name for place in places}
    for place in places:
        if place.step.key in unreadable:
            marks += unreadable[place.step.key]
            continue
        kind, config = parsed[place.step.key]
        before = _passed(place, parsed, names)
        context = CheckContext(
            subject, program_id, before, known, references, tuple(by_key(flow.fields))
        )
        marks += _check_exits(place, kind, config)
        marks += [
            StepMark(place.step.key, f"{place.path}/config{m.path}", m.message, m.level, m.code)
            for m in kind.check(config, context)
        ]
    marks += _check_ends(flow)
    marks += circle_marks(flow, [kind.offers(config) for kind, config in parsed.values()])
    if not flow.steps:
        marks.append(
            StepMark("", "/steps", "Add at least one step: press + below the entry.", code="empty")
        )
    return marks


def errors(marks: list[StepMark]) -> list[StepMark]:
    """Those that block publishing."""
    return [mark for mark in marks if mark.level == "error"]


def _check_fields(flow: Flow, subject: str, known: Known) -> list[StepMark]:
    """What is wrong with the calculated fields themselves."""
    found = problems_of(flow.fields, subject, "/fields", known)
    return [StepMark("", p.path, p.message, code=p.code) for p in found]


def _check_model(flow: Flow, program_id: int, model: str | None) -> list[StepMark]:
    """What the program's model does not allow."""
    if model is None:
        found = Program.objects.filter(pk=program_id).values_list("model", flat=True)
        model = found.first()
    if model is None:
        return []
    return [
        StepMark(bad.step_key, bad.path, bad.message, code=bad.code)
        for bad in objections(model, flow)
    ]


def _plural(subject: str) -> str:
    return "people" if subject == "person" else "companies"


def _parse(places: list[Place], subject: str) -> tuple[Parsed, dict[str, list[StepMark]]]:
    """Kind and settings of the steps that can be read, and the marks of those that cannot."""
    parsed: Parsed = {}
    unreadable: dict[str, list[StepMark]] = {}
    for place in places:
        step = place.step
        if step.kind not in step_kinds:
            message = f"“{step.kind[:60]}” is no known kind of step: delete it, or install it."
            path = f"{place.path}/kind"
            unreadable[step.key] = [StepMark(step.key, path, message, code="unknown_kind")]
            continue
        kind = step_kinds.get(step.kind)
        if subject not in kind.subjects:
            message = f"“{kind.label}” does not work in programs for {_plural(subject)}: delete it."
            unreadable[step.key] = [StepMark(step.key, place.path, message, code="subject")]
            continue
        try:
            config = parse_config(kind.Config, dict(step.config), f"{place.path}/config")
        except DomainError as error:
            unreadable[step.key] = [
                StepMark(step.key, p.path, p.message, code=p.code) for p in error.problems
            ]
            continue
        parsed[step.key] = (kind, config)
    return parsed, unreadable


def _check_exits(place: Place, kind: StepKind, config: Any) -> list[StepMark]:
    wanted = [item.key for item in kind.exits(config)]
    given = list(place.step.exits)
    if sorted(wanted) == sorted(given):
        return []
    path = f"{place.path}/exits"
    message = (
        f"This step has the exits {', '.join(wanted) or 'none'}, not {', '.join(given) or 'none'}."
    )
    return [StepMark(place.step.key, path, message, code="exits")]


def _passed(
    place: Place, parsed: Parsed, names: dict[str, str]
) -> tuple[tuple[str, str, StepKind, Any], ...]:
    return tuple((key, names[key], *parsed[key]) for key in place.before if key in parsed)


def _check_ends(flow: Flow) -> list[StepMark]:
    """Nothing may stand behind a step that ends the run."""
    places = list(walk(flow))
    longest: dict[tuple[str, str], int] = {}
    for place in places:
        owner = (place.parent_key, place.parent_exit)
        longest[owner] = max(longest.get(owner, 0), place.position)
    marks = []
    for place in places:
        step, last = place.step, longest[place.parent_key, place.parent_exit]
        if step.kind in step_kinds and step_kinds.get(step.kind).ends and place.position < last:
            message = "Nobody gets past this step: move it to the end, or remove what follows it."
            marks.append(StepMark(step.key, place.path, message, code="unreachable"))
    return marks

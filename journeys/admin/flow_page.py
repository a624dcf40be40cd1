"""The flow editor: its page, the panel of a step, and the endpoint that takes edits."""

from typing import Any

from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from csplatform.kit.errors import Conflict, DomainError
from journeys.admin.door import body_of, frame, json_door, load_program, need, whole_number
from journeys.admin.step_form import (
    aims_inputs,
    attribute_inputs,
    entry_inputs,
    offers_before,
    step_inputs,
)
from journeys.flow import commands
from journeys.flow.cards import Tree, build_tree
from journeys.flow.checks import StepMark, check_flow
from journeys.flow.diff import diff_words
from journeys.flow.document import Flow, dump, find
from journeys.flow.models import program_models
from journeys.flow.parse import parse_flow
from journeys.flow.words import flow_words
from journeys.models import Program
from journeys.models.program import ProgramState
from journeys.operations.draft import create_program, save_draft
from journeys.snapshot.counts import figures_of, live_figures
from journeys.steps.registry import GROUPS, step_kinds

TEMPLATES = "admin/journeys/program"
# Words for the panels that belong to no step.
ENTRY, AIMS = "entry", "aims"
FROZEN = (ProgramState.STOPPED, ProgramState.SCHEDULED)


@require_GET
def flow_page(request: HttpRequest, object_id: str, *, model_admin: ModelAdmin) -> HttpResponse:
    """The editor's page."""
    need(request, "journeys.view_program")
    program = load_program(object_id)
    context = frame(
        model_admin,
        request,
        program,
        **_canvas_context(request, program),
        palette=palette_of(program.type, program.model),
        state=_state(request, program),
        is_fullwidth="1",
        changed=is_changed(program),
    )
    return TemplateResponse(request, f"{TEMPLATES}/flow.html", context)


def is_changed(program: Program) -> bool:
    """Whether the draft differs from what is published."""
    return program.published is not None and program.published.in_force() != program.draft


def editable(request: HttpRequest, program: Program) -> bool:
    """Whether this user may edit this program's flow now."""
    return request.user.has_perm("journeys.change_program") and program.state not in FROZEN


def palette_of(subject: str, model_key: str) -> list[tuple[str, list[Any]]]:
    """Step kinds by group, only those that work for the subject and that the model allows."""
    fit = [kind for kind in step_kinds if subject in kind.subjects]
    if model_key in program_models:
        fit = [kind for kind in fit if program_models.get(model_key).allows(kind)]
    groups = [(group, [kind for kind in fit if kind.group == group]) for group in GROUPS]
    return [(group, kinds) for group, kinds in groups if kinds]


def _tree(program: Program, flow: Flow, marks: list[StepMark]) -> Tree:
    """The cards of the draft, with live figures once it was published."""
    figures = None
    if program.published_id:
        figures = figures_of(program, live_figures(program.pk))
    return build_tree(flow, flow_words(flow, program.type), marks, figures)


def _canvas_context(request: HttpRequest, program: Program) -> dict[str, Any]:
    flow = parse_flow(program.draft)
    marks = check_flow(flow, subject=program.type, program_id=program.pk)
    return {
        "tree": _tree(program, flow, marks),
        "marks": marks,
        "editing": editable(request, program),
        "flow": flow,
    }


def _urls(program: Program) -> dict[str, str]:
    names = ("flow_edit", "flow_panel", "flow_state", "flow_copy", "publish")
    return {name: reverse(f"admin:journeys_program_{name}", args=[program.pk]) for name in names}


def _state(request: HttpRequest, program: Program) -> dict[str, Any]:
    """What the editor's script starts with."""
    return {
        "urls": _urls(program),
        "revision": program.draft_revision,
        "document": dump(parse_flow(program.draft)),
        "subject": program.type,
        "name": program.name,
        "editing": editable(request, program),
        "attributes": attribute_inputs(program.type),
    }


def _marks_json(marks: list[StepMark], flow: Flow) -> list[dict[str, str]]:
    """Marks as the panel needs them; `field` is the place within the step's settings."""
    paths = {mark.step_key: place.path for mark in marks if (place := find(flow, mark.step_key))}
    return [
        {
            "step": mark.step_key,
            "path": mark.path,
            "field": mark.path.removeprefix(f"{paths.get(mark.step_key, '')}/config"),
            "message": mark.message,
            "level": mark.level,
        }
        for mark in marks
    ]


def _answer(
    request: HttpRequest, program: Program, *, selected: str = "", panel: str = ""
) -> JsonResponse:
    """Everything that the editor shows after an edit."""
    context = _canvas_context(request, program)
    shared = {**context, "program": program, "changed": is_changed(program)}
    answer = {
        "revision": program.draft_revision,
        "document": dump(context["flow"]),
        "canvas": render_to_string(f"{TEMPLATES}/_canvas.html", shared, request),
        "status": render_to_string(f"{TEMPLATES}/_status.html", shared, request),
        "marks": _marks_json(context["marks"], context["flow"]),
        "selected": selected,
    }
    if panel:
        answer["panel"] = render_panel(request, program, context["flow"], panel)
    return JsonResponse(answer)


@require_POST
@json_door
def flow_edit(request: HttpRequest, object_id: str, *, model_admin: ModelAdmin) -> HttpResponse:
    """One edit of the draft: {"revision": N, "edit": {"op": ...}, "panel": key or "new"}."""
    need(request, "journeys.change_program")
    data = body_of(request)
    revision = whole_number(data, "revision")
    program = load_program(object_id)
    if program.draft_revision != revision:
        raise Conflict("Somebody else changed this flow in the meantime.", code="stale")
    edited = commands.apply(parse_flow(program.draft), data.get("edit"))
    saved = save_draft(program.pk, dump(edited.flow), revision=revision, actor=request.user)
    panel = data.get("panel") if isinstance(data.get("panel"), str) else ""
    panel = edited.selected if panel == "new" else panel
    return _answer(request, saved, selected=edited.selected, panel=panel or "")


@require_GET
@json_door
def flow_state(request: HttpRequest, object_id: str, *, model_admin: ModelAdmin) -> HttpResponse:
    """The draft as it is now: what "load theirs" shows."""
    need(request, "journeys.view_program")
    return _answer(request, load_program(object_id))


@require_POST
@json_door
def flow_copy(request: HttpRequest, object_id: str, *, model_admin: ModelAdmin) -> HttpResponse:
    """Keep somebody's own work as a program of its own: {"document": ..., "edit": ...}.

    With "preview" nothing is made: the answer is the document with the edit in it.
    """
    need(request, "journeys.change_program")
    data = body_of(request)
    program = load_program(object_id)
    flow = parse_flow(data.get("document"))
    if data.get("edit"):
        flow = commands.apply(flow, data["edit"]).flow
    if data.get("preview"):
        return JsonResponse({"document": dump(flow)})
    copy = create_program(
        name=f"{program.name[:180]} (my changes)",
        type=program.type,
        model=program.model,
        folder=program.folder,
        description=program.description,
        document=dump(flow),
        actor=request.user,
    )
    return JsonResponse({"url": reverse("admin:journeys_program_flow", args=[copy.pk])})


@require_GET
@json_door
def flow_panel(request: HttpRequest, object_id: str, *, model_admin: ModelAdmin) -> HttpResponse:
    """The panel of a step, of the entry or of goal and exits: ?of=<key>."""
    need(request, "journeys.view_program")
    program = load_program(object_id)
    flow = parse_flow(program.draft)
    marks = check_flow(flow, subject=program.type, program_id=program.pk)
    return JsonResponse(
        {
            "panel": render_panel(request, program, flow, request.GET.get("of", "")),
            "marks": _marks_json(marks, flow),
        }
    )


def render_panel(request: HttpRequest, program: Program, flow: Flow, of: str) -> str:
    """HTML of a panel. Raises DomainError when the step is gone."""
    context: dict[str, Any] = {
        "program": program,
        "editing": editable(request, program),
        "of": of,
    }
    if of == ENTRY:
        template = "_panel_entry.html"
        context["inputs"] = entry_inputs(flow, program.type)
    elif of == AIMS:
        template = "_panel_aims.html"
        context["inputs"] = aims_inputs(flow, program.type)
    else:
        template = "_panel_step.html"
        context |= _step_context(program, flow, of)
    return render_to_string(f"{TEMPLATES}/{template}", context, request)


def _step_context(program: Program, flow: Flow, key: str) -> dict[str, Any]:
    place = find(flow, key)
    if place is None:
        raise DomainError("This step is no longer in the flow.", path="/of", code="gone")
    kind = step_kinds.get(place.step.kind) if place.step.kind in step_kinds else None
    return {
        "step": place.step,
        "kind": kind,
        "inputs": step_inputs(flow, place.step, program.type),
        "offers": offers_before(flow, key),
        "paths": [(key, len(steps)) for key, steps in place.step.exits.items() if steps],
    }


def changes_in_words(program: Program) -> list[str]:
    """What publishing the draft would change, against the published version."""
    if program.published is None:
        return []
    old, new = parse_flow(program.published.in_force()), parse_flow(program.draft)
    return diff_words(old, new, program.type)

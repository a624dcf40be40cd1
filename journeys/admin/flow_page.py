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
    fields_inputs,
    offers_before,
    step_inputs,
)
from journeys.fields.definition import label_of, words_of
from journeys.fields.offered import offered_fields
from journeys.flow import commands
from journeys.flow.cards import Tree, build_tree
from journeys.flow.checks import StepMark, check_flow
from journeys.flow.diff import diff_words
from journeys.flow.document import Flow, dump, find, walk
from journeys.flow.models import program_models
from journeys.flow.parse import parse_flow
from journeys.flow.words import flow_words
from journeys.models import EntryList, Program
from journeys.operations.amend import amendable_steps
from journeys.operations.draft import create_program, save_draft
from journeys.operations.review import review_marks
from journeys.snapshot.counts import figures_of, live_figures, recent_figures
from journeys.steps.registry import GROUPS, step_kinds

TEMPLATES = "admin/journeys/program"
# Words for the panels that belong to no step.
ENTRY, AIMS, FIELDS = "entry", "aims", "fields"


@require_GET
def flow_page(request: HttpRequest, object_id: str, *, model_admin: ModelAdmin) -> HttpResponse:
    """The editor's page."""
    need(request, "journeys.view_program")
    program = load_program(object_id)
    canvas = _canvas_context(request, program)
    context = frame(
        model_admin,
        request,
        program,
        **canvas,
        palette=palette_of(program.type, program.model),
        state=_state(request, program, canvas["flow"], canvas["marks"]),
        is_fullwidth="1",
        changed=is_changed(program),
    )
    return TemplateResponse(request, f"{TEMPLATES}/flow.html", context)


def is_changed(program: Program) -> bool:
    """Whether the draft differs from what is published."""
    return program.published is not None and program.published.in_force() != program.draft


def editable(request: HttpRequest, program: Program) -> bool:
    """Whether this user may edit this program's flow now."""
    return request.user.has_perm("journeys.change_program") and program.editable


def palette_of(subject: str, model_key: str) -> list[tuple[str, list[Any]]]:
    """Step kinds by group, only those that work for the subject and that the model allows."""
    fit = [kind for kind in step_kinds if subject in kind.subjects]
    if model_key in program_models:
        fit = [kind for kind in fit if program_models.get(model_key).allows(kind)]
    groups = [(group, [kind for kind in fit if kind.group == group]) for group in GROUPS]
    return [(group, kinds) for group, kinds in groups if kinds]


def _tree(program: Program, flow: Flow, marks: list[StepMark]) -> Tree:
    """The cards of the draft, with figures once it was published."""
    figures = None
    if program.published_id:
        figures = figures_of(program, recent_figures(program.pk))
    return build_tree(flow, flow_words(flow, program.type), marks, figures)


def _canvas_context(request: HttpRequest, program: Program) -> dict[str, Any]:
    flow = parse_flow(program.draft)
    marks = marks_of(program, flow)
    return {
        "tree": _tree(program, flow, marks),
        "marks": marks,
        "editing": editable(request, program),
        "flow": flow,
    }


def marks_of(program: Program, flow: Flow) -> list[StepMark]:
    """What the checks say, what stopped the last scheduled publishing and is put right by now (a
    hint at its step until the draft is edited), and what asks to be looked at."""
    marks = check_flow(flow, subject=program.type, program_id=program.pk)
    known = {(mark.step_key, mark.message) for mark in marks}
    for row in program.publish_failure:
        if (row["step"], row["message"]) not in known:
            message = f"Stopped the publishing: {row['message']}"
            marks.append(StepMark(row["step"], row["path"], message, "warning", row["code"]))
    return marks + review_marks(program, flow)


def _urls(program: Program) -> dict[str, str]:
    names = (
        "flow_edit", "flow_panel", "flow_state", "flow_copy", "flow_counts", "publish", "amend",
    )  # fmt: skip
    urls = {name: reverse(f"admin:journeys_program_{name}", args=[program.pk]) for name in names}
    return urls | {"login": reverse("admin:login")}


def _state(
    request: HttpRequest, program: Program, flow: Flow, marks: list[StepMark]
) -> dict[str, Any]:
    """What the editor's script starts with."""
    return {
        "urls": _urls(program),
        "revision": program.draft_revision,
        "document": dump(flow),
        "marks": _marks_json(marks, flow),
        "counting": program.published_id is not None,
        "subject": program.type,
        "name": program.name,
        "editing": editable(request, program),
        "attributes": attribute_inputs(program.type),
        "fields": offered_fields(flow.fields, program.type),
    }


def _marks_json(marks: list[StepMark], flow: Flow) -> list[dict[str, str]]:
    """Marks as the panel needs them; `field` is the place within the step's settings."""
    places = {place.step.key: place for place in walk(flow)} if marks else {}
    return [
        {
            "step": mark.step_key,
            "title": f"“{places[mark.step_key].step.name}”" if mark.step_key in places else "",
            "path": mark.path,
            "field": mark.path.removeprefix(
                f"{places[mark.step_key].path}/config" if mark.step_key in places else "/config"
            ),
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
    shared = {
        **context, "program": program, "changed": is_changed(program),
        "can_publish": request.user.has_perm("journeys.publish_program"),
    }  # fmt: skip
    answer = {
        "revision": program.draft_revision,
        "document": dump(context["flow"]),
        "canvas": render_to_string(f"{TEMPLATES}/_canvas.html", shared, request),
        "status": render_to_string(f"{TEMPLATES}/_status.html", shared, request),
        "buttons": render_to_string(f"{TEMPLATES}/_life_buttons.html", shared, request),
        "notes": render_to_string(f"{TEMPLATES}/_life_note.html", shared, request),
        "marks": _marks_json(context["marks"], context["flow"]),
        "fields": offered_fields(context["flow"].fields, program.type),
        "amendable": list(amendable_steps(program, context["flow"])),
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
    marks = marks_of(program, flow)
    return JsonResponse(
        {
            "panel": render_panel(request, program, flow, request.GET.get("of", "")),
            "marks": _marks_json(marks, flow),
            "amendable": list(amendable_steps(program, flow)),
        }
    )


@require_GET
@json_door
def flow_counts(request: HttpRequest, object_id: str, *, model_admin: ModelAdmin) -> HttpResponse:
    """The figures of all cards and paths as HTML, and the revision of the draft: asked every few
    seconds while the editor is open."""
    need(request, "journeys.view_program")
    program = load_program(object_id)
    figures = figures_of(program, live_figures(program.pk))

    def html(template: str, **context: Any) -> str:
        return render_to_string(f"{TEMPLATES}/{template}", context)

    cards = {ENTRY: figures.entry, AIMS: figures.goal, **figures.steps}
    return JsonResponse(
        {
            "revision": program.draft_revision,
            "cards": {name: html("_counts.html", counts=found) for name, found in cards.items()},
            "exits": {
                " ".join(place): html("_exit_count.html", count=count)
                for place, count in figures.exits.items()
            },
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
        files = EntryList.objects.filter(program=program)
        named = [(str(row.pk), f"{row.name} ({row.rows_total:,} rows)") for row in files]
        context["inputs"] = entry_inputs(flow, program.type, named)
    elif of == AIMS:
        template = "_panel_aims.html"
        context["inputs"] = aims_inputs(flow, program.type)
    elif of == FIELDS:
        template = "_panel_fields.html"
        context["inputs"] = fields_inputs(flow, program.type)
        context["words"] = [
            (label_of(f), f.get("key", ""), words_of(f, program.type)) for f in flow.fields
        ]
    else:
        template = "_panel_step.html"
        context |= _step_context(program, flow, of)
        context["can_publish"] = request.user.has_perm("journeys.publish_program")
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
        "offers": offers_before(flow, key, program.type),
        "to_review": {mark.step_key for mark in review_marks(program, flow)} & {key},
        "paths": [(key, len(steps)) for key, steps in place.step.exits.items() if steps],
    }


def changes_in_words(program: Program) -> list[str]:
    """What publishing the draft would change, against the published version."""
    if program.published is None:
        return []
    old, new = parse_flow(program.published.in_force()), parse_flow(program.draft)
    return diff_words(old, new, program.type)

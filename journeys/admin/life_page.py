"""Publish, pause, resume, stop, discard: dialogs that say what happens, and the doing."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from csplatform.kit.errors import DomainError
from journeys.admin.door import load_program, need
from journeys.admin.flow_page import changes_in_words
from journeys.admin.moves_page import move_rows, moves_of
from journeys.flow.document import find
from journeys.flow.parse import parse_flow
from journeys.flow.words import segment_ids
from journeys.models import Program
from journeys.operations.draft import discard_changes
from journeys.operations.life import pause_program, resume_program, stop_program
from journeys.operations.publish import PublishPreview, publish_preview, publish_program
from journeys.steps.options import names_of

DIALOGS = ("publish", "pause", "resume", "stop", "discard")
TEMPLATE = "admin/journeys/program/_life_{}.html"
REFERENCE_WORDS = {
    "email_template": "Mail",
    "engagement": "Engagement",
    "segment": "Segment",
    "attribute": "Attribute",
}


@require_GET
def life_dialog(request: HttpRequest, object_id: str, *, model_admin: ModelAdmin) -> HttpResponse:
    """What ?do=publish (pause, resume, stop, discard) would do; changes nothing."""
    what = request.GET.get("do", "")
    if what not in DIALOGS:
        raise Http404
    need(request, _permission(what))
    program = load_program(object_id)
    context: dict[str, Any] = {"program": program, "what": what}
    if what == "publish":
        context |= _publish_context(program)
    else:
        context["running"] = program.participants.filter(ended_at=None).count()
        context["changes"] = changes_in_words(program) if what == "discard" else []
    return TemplateResponse(request, TEMPLATE.format(what), context)


def _permission(what: str) -> str:
    return "journeys.change_program" if what == "discard" else "journeys.publish_program"


def _publish_context(program: Program) -> dict[str, Any]:
    preview = publish_preview(program.pk)
    return {
        "preview": preview,
        "problems": _marks(program, preview, "error"),
        "warnings": _marks(program, preview, "warning"),
        "uses": _uses(preview),
        "changes": changes_in_words(program),
        "moves": move_rows(program, preview.standing, parse_flow(program.draft)),
        "by_hand": not segment_ids(parse_flow(program.draft).entry),
        "refused": sum(count for _, _, count in preview.refused),
    }


def _marks(program: Program, preview: PublishPreview, level: str) -> list[dict[str, str]]:
    """Marks with the name of their step and the panel that they are put right in."""
    flow = parse_flow(program.draft)
    rows = []
    for mark in preview.marks:
        if mark.level != level:
            continue
        place = find(flow, mark.step_key) if mark.step_key else None
        panel, title = _panel_of(mark.path)
        rows.append(
            {
                "title": place.step.name if place else title,
                "goto": mark.step_key or panel,
                "message": mark.message,
            }
        )
    return rows


def _panel_of(path: str) -> tuple[str, str]:
    """The panel, and its name, where a problem of the whole flow is put right."""
    if path.startswith(("/goal", "/exits")):
        return "aims", "Goal and exits"
    return "entry", "Entry" if path.startswith("/entry") else "Flow"


def _uses(preview: PublishPreview) -> list[tuple[str, str]]:
    """What the flow uses, by name; engagements are associated by publishing."""
    names = names_of(preview.references)
    return [
        (REFERENCE_WORDS.get(kind, kind.replace("_", " ").capitalize()), name)
        for kind, key in preview.references
        if (name := names.get(f"{kind}:{key}"))
    ]


@require_POST
def life_do(request: HttpRequest, object_id: str, *, model_admin: ModelAdmin) -> HttpResponse:
    """Do what the dialog said: do=publish|pause|resume|stop|discard."""
    what = request.POST.get("do", "")
    if what not in DIALOGS:
        raise Http404
    need(request, _permission(what))
    program = load_program(object_id)
    try:
        page, text = _DOINGS[what](program, request)
    except DomainError as error:
        for problem in error.problems[:5]:
            messages.error(request, problem.message)
        return HttpResponseRedirect(_url(program, "flow"))
    messages.success(request, text)
    return HttpResponseRedirect(_url(program, page))


def _url(program: Program, page: str) -> str:
    return reverse(f"admin:journeys_program_{page}", args=[program.pk])


def _reason(request: HttpRequest) -> str:
    return request.POST.get("reason", "").replace("\x00", "").strip()[:500]


def _publish(program: Program, request: HttpRequest) -> tuple[str, str]:
    text = request.POST.get("revision", "")
    revision = int(text) if text.isdigit() and len(text) < 10 else None
    version = publish_program(
        program.pk, actor=request.user, revision=revision, moves=moves_of(request.POST.dict())
    )
    plural = "people" if program.type == "person" else "companies"
    by_itself = segment_ids(parse_flow(version.document).entry)
    then = (
        f"{plural.capitalize()} enter from now on" if by_itself else f"Now enrol {plural} by hand"
    )
    return "snapshot", f"Published version {version.number}. {then}."


def _pause(program: Program, request: HttpRequest) -> tuple[str, str]:
    frozen = pause_program(program.pk, actor=request.user, reason=_reason(request))
    return "snapshot", f"Paused. {frozen:,} stand still until you resume it."


def _resume(program: Program, request: HttpRequest) -> tuple[str, str]:
    thawed = resume_program(program.pk, actor=request.user, reason=_reason(request))
    return "snapshot", f"Resumed. {thawed:,} go on; their timers were lengthened by the pause."


def _stop(program: Program, request: HttpRequest) -> tuple[str, str]:
    removed = stop_program(program.pk, actor=request.user, reason=_reason(request))
    return "snapshot", f"Stopped for good. {removed:,} were taken out."


def _discard(program: Program, request: HttpRequest) -> tuple[str, str]:
    discard_changes(program.pk, actor=request.user)
    return "flow", "The flow is back to what is published."


_DOINGS: dict[str, Callable[[Program, HttpRequest], tuple[str, str]]] = {
    "publish": _publish,
    "pause": _pause,
    "resume": _resume,
    "stop": _stop,
    "discard": _discard,
}

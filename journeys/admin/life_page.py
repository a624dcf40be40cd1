"""Publish now or at a time, entries off and on, pause, resume, stop, discard: dialogs that say what
happens, and the doing."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
)
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_GET, require_POST

from csplatform.kit.clock import now
from csplatform.kit.errors import DomainError
from journeys.admin.door import load_program, need, revision_of
from journeys.admin.flow_page import changes_in_words
from journeys.admin.moves_page import move_rows, moves_of
from journeys.flow.cards import AIM_PATHS
from journeys.flow.document import find
from journeys.flow.entry_words import enters_by_itself, existing_words
from journeys.flow.parse import parse_flow
from journeys.models import Program
from journeys.operations.draft import discard_changes
from journeys.operations.entries import (
    disable_program,
    enable_program,
    frozen_by_disabling,
    held_back,
)
from journeys.operations.life import pause_program, resume_program, stop_program
from journeys.operations.publish import PublishPreview, publish_preview, publish_program
from journeys.operations.schedule import FARTHEST, in_words, schedule_program, unschedule_program
from journeys.snapshot.calendar import around
from journeys.steps.options import names_of, reference_pages

TEMPLATE = "admin/journeys/program/_life_{}.html"
REFERENCE_WORDS = {
    "email_template": "Mail",
    "engagement": "Engagement",
    "segment": "Segment",
    "attribute": "Attribute",
}
# Those that publishing ties to the program, first.
ASSOCIATED = ("engagement", "email_template")


@require_GET
def life_dialog(request: HttpRequest, object_id: str, *, model_admin: ModelAdmin) -> HttpResponse:
    """What ?do=publish (pause, disable, …) would do; changes nothing."""
    what = request.GET.get("do", "")
    if what not in _DOINGS:
        raise Http404
    need(request, _permission(what))
    program = load_program(object_id)
    context: dict[str, Any] = {"program": program, "what": what}
    if what == "publish":
        context |= _publish_context(program)
    else:
        context["running"] = program.participants.filter(ended_at=None).count()
        context["changes"] = changes_in_words(program) if what == "discard" else []
        context["held"] = held_back(program.pk)
        context["frozen"] = frozen_by_disabling(program)
    return TemplateResponse(request, TEMPLATE.format(what), context)


@require_GET
def life_around(request: HttpRequest, object_id: str, *, model_admin: ModelAdmin) -> HttpResponse:
    """What else starts around ?day=; a sentence for a day that is none."""
    need(request, "journeys.view_program")
    program = load_program(object_id)
    context: dict[str, Any] = {"program": program}
    try:
        context["day"] = day_of(request.GET.get("day", ""))
        context["entries"] = around(context["day"], but=program.pk)
    except DomainError as error:
        context["problem"] = error.problems[0].message
    return TemplateResponse(request, TEMPLATE.format("around"), context)


@require_GET
def life_state(request: HttpRequest, object_id: str, *, model_admin: ModelAdmin) -> JsonResponse:
    """Where a program stands, for a page that waits for a publishing."""
    need(request, "journeys.view_program")
    program = load_program(object_id)
    return JsonResponse({"state": program.state, "scheduled": program.publish_at is not None})


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
        "by_hand": not enters_by_itself(parse_flow(program.draft).entry),
        "existing": existing_words(parse_flow(program.draft).entry),
        "refused": sum(count for _, _, count in preview.refused),
        "today": now().date(),
        "last_day": (now() + FARTHEST).date(),
        "day": (now() + timedelta(days=1)).date(),
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
    if path.startswith(AIM_PATHS):
        return "aims", "Goal and exits"
    return "entry", "Entry" if path.startswith("/entry") else "Flow"


def _uses(preview: PublishPreview) -> list[tuple[str, str, str]]:
    """(what, name, address) of all that the flow uses; what publishing ties to it comes first."""
    names = names_of(preview.references)
    found = [
        (kind, str(key), name)
        for kind, key in preview.references
        if (name := names.get(f"{kind}:{key}"))
    ]
    found.sort(key=lambda use: (use[0] not in ASSOCIATED, use[0], use[2]))
    return [
        (REFERENCE_WORDS.get(kind, kind.replace("_", " ").capitalize()), name, _page_of(kind, key))
        for kind, key, name in found
    ]


def _page_of(kind: str, key: str) -> str:
    try:
        return reverse(reference_pages.get(kind), args=[key]) if kind in reference_pages else ""
    except NoReverseMatch:
        return ""


@require_POST
def life_do(request: HttpRequest, object_id: str, *, model_admin: ModelAdmin) -> HttpResponse:
    """Do what the dialog said: do=publish|unschedule|disable|enable|pause|resume|stop|discard."""
    what = request.POST.get("do", "")
    if what not in _DOINGS:
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
    revision = revision_of(request)
    moves = moves_of(request.POST.dict())
    if request.POST.get("when") == "later":
        at = moment_of(request.POST.get("day", ""), request.POST.get("time", ""))
        schedule_program(
            program.pk, at, actor=request.user, revision=revision, plan={"moves": moves}
        )
        return "flow", f"Scheduled: it is published by itself on {in_words(at)}."
    version = publish_program(program.pk, actor=request.user, revision=revision, moves=moves)
    plural = "people" if program.type == "person" else "companies"
    by_itself = enters_by_itself(parse_flow(version.document).entry)
    then = (
        f"{plural.capitalize()} enter from now on" if by_itself else f"Now enrol {plural} by hand"
    )
    return "snapshot", f"Published version {version.number}. {then}."


def moment_of(day: str, clock: str) -> datetime:
    """A moment of UTC from a date and a time of a form. Raises DomainError with a sentence."""
    try:
        found = time.fromisoformat(clock.strip()) if clock.isascii() else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is not None:
        message = "Give the time as hours and minutes, such as 09:00."
        raise DomainError(message, path="/time", code="time")
    return datetime.combine(day_of(day), found, UTC)


def day_of(text: str) -> date:
    """A date of a form. Raises DomainError with a sentence."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        message = "Choose a date, as year-month-day such as 2026-12-24."
        raise DomainError(message, path="/day", code="date") from None


def _unschedule(program: Program, request: HttpRequest) -> tuple[str, str]:
    unschedule_program(program.pk, actor=request.user, reason=_reason(request))
    return "flow", "Taken back to draft. Nothing is published until you say so."


def _disable(program: Program, request: HttpRequest) -> tuple[str, str]:
    freezing = request.POST.get("runs") == "freeze"
    frozen = disable_program(
        program.pk, actor=request.user, freeze_runs=freezing, reason=_reason(request)
    )
    if freezing:
        return "snapshot", f"Nobody new gets in, and {frozen:,} stand still until entries are on."
    return "snapshot", "Nobody new gets in. Who is inside goes on to the end."


def _enable(program: Program, request: HttpRequest) -> tuple[str, str]:
    resumed = enable_program(program.pk, actor=request.user, reason=_reason(request))
    more = f" {resumed:,} go on where they stood." if resumed else ""
    return (
        "snapshot",
        f"It takes {'people' if program.type == 'person' else 'companies'} in again.{more}",
    )


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
    discard_changes(program.pk, actor=request.user, revision=revision_of(request))
    return "flow", "The flow is back to what is published."


_DOINGS: dict[str, Callable[[Program, HttpRequest], tuple[str, str]]] = {
    "publish": _publish,
    "unschedule": _unschedule,
    "disable": _disable,
    "enable": _enable,
    "pause": _pause,
    "resume": _resume,
    "stop": _stop,
    "discard": _discard,
}

"""The program snapshot: the published flow with live figures, refusals, history (PRG-60)."""

from typing import Any

from django.contrib.admin import ModelAdmin
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_GET

from journeys.admin.door import frame, load_program, need
from journeys.engine.candidates import requirements_of, sentence_of
from journeys.engine.versions import load_versions
from journeys.flow.cards import build_tree
from journeys.flow.parse import parse_flow
from journeys.flow.words import flow_words
from journeys.models import Program, Refusal
from journeys.snapshot.attention import trouble_marks, troubles_of
from journeys.snapshot.counts import figures_of, live_figures

REFUSALS_SHOWN = 50


@require_GET
def snapshot_page(request: HttpRequest, object_id: str, *, model_admin: ModelAdmin) -> HttpResponse:
    """The page."""
    need(request, "journeys.view_program")
    program = load_program(object_id)
    context = frame(
        model_admin,
        request,
        program,
        **live_context(program),
        refusals=_refusals(program, request),
        reasons=_reasons(program),
        history=program.state_changes.select_related("by")[:50],
        is_fullwidth="1",
    )
    return TemplateResponse(request, "admin/journeys/program/snapshot.html", context)


@require_GET
def snapshot_live(request: HttpRequest, object_id: str, *, model_admin: ModelAdmin) -> HttpResponse:
    """The part that refreshes itself while the page is visible."""
    need(request, "journeys.view_program")
    program = load_program(object_id)
    context = {"program": program, **live_context(program)}
    return TemplateResponse(request, "admin/journeys/program/_snapshot_live.html", context)


def live_context(program: Program) -> dict[str, Any]:
    """Figures and the flow that they stand on: what is published, else the draft."""
    document = program.published.in_force() if program.published else program.draft
    flow = parse_flow(document)
    words = flow_words(flow, program.type)
    figures = live_figures(program.pk)
    marks = trouble_marks(flow, troubles_of([program.pk]).get(program.pk, ()))
    titles = {key: step.title for key, step in words.steps.items()}
    return {
        "figures": figures,
        "tree": build_tree(flow, words, marks, figures_of(program, figures)),
        "troubles": [(titles.get(mark.step_key, ""), mark) for mark in marks],
        "editing": False,
    }


def _refusals(program: Program, request: HttpRequest) -> Any:
    rows = Refusal.objects.filter(program=program).select_related("person", "company")
    reason = request.GET.get("reason", "")[:60]
    if reason:
        rows = rows.filter(reason=reason)
    return Paginator(rows.order_by("-at", "-id"), REFUSALS_SHOWN).get_page(request.GET.get("page"))


def _reasons(program: Program) -> dict[str, str]:
    """Sentences of all refusal reasons of this program."""
    versions = load_versions([program.published_id]) if program.published_id else {}
    known = [r for version in versions.values() for r in requirements_of(version)]
    found = Refusal.objects.filter(program=program).values_list("reason", flat=True).distinct()
    return {reason: sentence_of(reason, known) for reason in found.order_by()}

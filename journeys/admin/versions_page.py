"""Published versions of a program: what changed in each, in words; restore one into the draft."""

from dataclasses import dataclass
from datetime import timedelta

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from csplatform.kit.clock import database_now
from csplatform.kit.errors import DomainError
from journeys.admin.door import frame, load_program, need, revision_of
from journeys.admin.flow_page import changes_in_words
from journeys.flow.cards import Tree, build_tree
from journeys.flow.diff import diff_words
from journeys.flow.document import Flow
from journeys.flow.parse import parse_flow
from journeys.flow.words import flow_words
from journeys.models import Program, ProgramVersion, Relocation, Step
from journeys.operations.draft import save_draft

SHOWN = 50


@dataclass(frozen=True)
class VersionRow:
    """A version with what it changed against the one before."""

    version: ProgramVersion
    changes: list[str]
    running: int


@require_GET
def versions_page(request: HttpRequest, object_id: str, *, model_admin: ModelAdmin) -> HttpResponse:
    """All versions, newest first; ?show=N draws one."""
    need(request, "journeys.view_program")
    program = load_program(object_id)
    shown, rows = _shown(program, request.GET.get("show", "")), _rows(program)
    context = frame(
        model_admin,
        request,
        program,
        rows=rows,
        draft_changes=changes_in_words(program),
        behind=sum(row.running for row in rows if row.version.pk != program.published_id),
        moving=_moving(program),
        shown=shown,
        tree=_tree(shown, program) if shown else None,
        editing=False,
    )
    return TemplateResponse(request, "admin/journeys/program/versions.html", context)


def _rows(program: Program) -> list[VersionRow]:
    versions = list(program.versions.select_related("published_by").order_by("-number")[:SHOWN])
    inside = program.participants.filter(ended_at=None).order_by().values_list("version")
    running = dict(inside.annotate(count=Count("pk")))
    flows = [parse_flow(version.document) for version in versions]
    older: list[Flow | None] = [*flows, None][1:]
    return [
        VersionRow(
            version,
            diff_words(before, flow, program.type) if before else [],
            running.get(version.pk, 0),
        )
        for version, flow, before in zip(versions, flows, older, strict=True)
    ]


def _moving(program: Program) -> list[Relocation]:
    """Who is being taken to another version, and who was lately."""
    lately = database_now() - timedelta(days=1)
    found = program.relocations.select_related("version", "to_step", "started_by")
    rows = list(found.filter(Q(done_at=None) | Q(done_at__gt=lately)).order_by("-pk")[:SHOWN])
    names = dict(
        Step.objects.filter(version__program=program, key__in={row.step_key for row in rows})
        .order_by("pk").values_list("key", "name")
    )  # fmt: skip
    for row in rows:
        row.name = names.get(row.step_key, row.step_key)  # type: ignore[attr-defined]
    return rows


def _shown(program: Program, number: str) -> ProgramVersion | None:
    if not number.isdigit() or len(number) > 9:
        return None
    return program.versions.filter(number=number).first()


def _tree(version: ProgramVersion, program: Program) -> Tree:
    flow = parse_flow(version.in_force())
    return build_tree(flow, flow_words(flow, program.type))


@require_POST
def versions_do(request: HttpRequest, object_id: str, *, model_admin: ModelAdmin) -> HttpResponse:
    """Restore a version into the draft that was looked at: version=N, revision=N."""
    need(request, "journeys.change_program")
    program = load_program(object_id)
    version = _shown(program, request.POST.get("version", ""))
    if version is None:
        raise Http404
    seen = revision_of(request)
    try:
        save_draft(
            program.pk, version.in_force(), actor=request.user, audit_as="program.restore",
            revision=program.draft_revision if seen is None else seen,
        )  # fmt: skip
    except DomainError as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(reverse("admin:journeys_program_versions", args=[program.pk]))
    messages.success(
        request, f"The draft is version {version.number} again. Publish it to put it in force."
    )
    return HttpResponseRedirect(reverse("admin:journeys_program_flow", args=[program.pk]))

"""Putting a change of one step in force at once, from the editor (PRG-43, 44)."""

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from csplatform.kit.errors import DomainError
from journeys.admin.door import load_program, need
from journeys.flow.diff import diff_words
from journeys.flow.document import amended
from journeys.flow.parse import parse_flow
from journeys.models import Program
from journeys.operations.amend import amend_step, amendable
from journeys.operations.review import confirm_review


@require_GET
def amend_dialog(request: HttpRequest, object_id: str, *, model_admin: ModelAdmin) -> HttpResponse:
    """What putting the draft's change of ?step= in force would do; changes nothing."""
    need(request, "journeys.publish_program")
    program = load_program(object_id)
    found = amendable(program, parse_flow(program.draft), request.GET.get("step", ""))
    if found is None or program.published is None:
        raise Http404
    before = program.published.in_force()
    after = amended(before, {found.step.key: found.config})
    context = {
        "program": program,
        "found": found,
        "changes": diff_words(parse_flow(before), parse_flow(after), program.type),
        "revision": program.draft_revision,
    }
    return TemplateResponse(request, "admin/journeys/program/_life_amend.html", context)


@require_POST
def amend_do(request: HttpRequest, object_id: str, *, model_admin: ModelAdmin) -> HttpResponse:
    """Put the draft's change of step= in force, or with review= say that its conditions fit."""
    need(request, "journeys.publish_program")
    program = load_program(object_id)
    key = request.POST.get("step", "")[:20]
    try:
        text = _confirm(program, key, request) if "review" in request.POST else _amend(
            program, key, request
        )  # fmt: skip
    except DomainError as error:
        for problem in error.problems[:5]:
            messages.error(request, problem.message)
    else:
        messages.success(request, text)
    url = reverse("admin:journeys_program_flow", args=[program.pk])
    return HttpResponseRedirect(f"{url}?step={key}")


def _confirm(program: Program, key: str, request: HttpRequest) -> str:
    confirm_review(program.pk, key, actor=request.user)
    return "The conditions stay as they are."


def _amend(program: Program, key: str, request: HttpRequest) -> str:
    if str(program.draft_revision) != request.POST.get("revision"):
        raise DomainError("The flow changed since you looked at it; look again.", code="stale")
    found = amendable(program, parse_flow(program.draft), key)
    if found is None:
        raise DomainError("There is nothing to put in force at this step any more.", code="gone")
    made = amend_step(program.pk, key, dict(found.config), actor=request.user)
    return f"In force as change {made.number} of version {made.version.number}."

"""Entries off and on, pause and resume for several programs: asked once, with names and figures.

Stopping is not here: it is final, so each program is stopped on a page of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from csplatform.kit.errors import DomainError
from journeys.admin.door import need
from journeys.models import Program
from journeys.models.program import ProgramState
from journeys.operations.entries import CAN_BE_ENABLED, disable_program, enable_program
from journeys.operations.life import pause_program, resume_program
from journeys.snapshot.counts import Totals, program_totals

MOST = 200
PERMISSION = "journeys.publish_program"


@dataclass(frozen=True)
class Doing:
    """Something that is done to several programs.

    Attributes:
        fits: whether it can be done to a program as it is now; the others are left as they are.
        run: (program id, actor, reason, form) does it to one.
    """

    title: str
    text: str
    button: str
    done: str
    fits: Callable[[Program], bool]
    run: Callable[[int, Any, str, dict[str, Any]], object]


def _disable(pk: int, actor: Any, reason: str, form: dict[str, Any]) -> object:
    freezing = form.get("runs") == "freeze"
    return disable_program(pk, actor=actor, freeze_runs=freezing, reason=reason)


DOINGS = {
    "disable": Doing(
        "Take no new entries", "Nobody new gets in. Who comes meanwhile is remembered.",
        "No new entries", "take nobody new in",
        lambda p: p.state == ProgramState.ACTIVE and p.accepts_entries, _disable,
    ),
    "enable": Doing(
        "Take entries again",
        "New entries get in again, first those who came meanwhile and are in a source still. What"
        " was frozen with the entries goes on; completed programs are active again.",
        "Take entries again", "take entries again",
        lambda p: p.state in CAN_BE_ENABLED and not p.accepts_entries,
        lambda pk, actor, reason, form: enable_program(pk, actor=actor, reason=reason),
    ),
    "pause": Doing(
        "Pause",
        "Nobody new gets in, and everybody inside stands still at the next wait.",
        "Pause", "are paused",
        lambda p: p.state == ProgramState.ACTIVE,
        lambda pk, actor, reason, form: pause_program(pk, actor=actor, reason=reason),
    ),
    "resume": Doing(
        "Resume",
        "Everybody goes on where they stood; timers are lengthened by the pause.",
        "Resume", "go on",
        lambda p: p.state == ProgramState.PAUSED,
        lambda pk, actor, reason, form: resume_program(pk, actor=actor, reason=reason),
    ),
}  # fmt: skip


def ask(
    what: str, model_admin: ModelAdmin, request: HttpRequest, chosen: QuerySet[Program]
) -> HttpResponse:
    """The page that names the programs and says what happens to how many."""
    doing = DOINGS[what]
    programs = list(chosen.order_by("name", "pk")[: MOST + 1])
    totals = program_totals([program.pk for program in programs])
    rows: list[dict[str, Any]] = [
        {"program": p, "fits": doing.fits(p), "inside": totals.get(p.pk, Totals()).inside}
        for p in programs[:MOST]
    ]
    fit = [row for row in rows if row["fits"]]
    request.current_app = model_admin.admin_site.name  # type: ignore[attr-defined]
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": f"{doing.title}?",
        "doing": doing,
        "what": what,
        "rows": rows,
        "fit": len(fit),
        "inside": sum(row["inside"] for row in fit),
        "over": len(programs) > MOST,
        "most": MOST,
    }
    return TemplateResponse(request, "admin/journeys/program/bulk.html", context)


@require_POST
def bulk_do(request: HttpRequest, *, model_admin: ModelAdmin) -> HttpResponse:
    """Do it: do=disable|enable|pause|resume, id=…, runs=finish|freeze, reason=."""
    need(request, PERMISSION)
    doing = DOINGS.get(request.POST.get("do", ""))
    if doing is None:
        raise Http404
    given = [
        int(t) for t in request.POST.getlist("id") if t.isascii() and t.isdigit() and len(t) < 19
    ]
    reason = request.POST.get("reason", "").replace("\x00", "").strip()[:500]
    done = 0
    for program in Program.objects.filter(pk__in=given[:MOST]).order_by("pk"):
        try:
            doing.run(program.pk, request.user, reason, request.POST.dict())
            done += 1
        except DomainError as error:
            messages.warning(request, f"{program}: {error.problems[0].message}")
    if done:
        messages.success(request, f"{done} program{'s' if done != 1 else ''} {doing.done} now.")
    return HttpResponseRedirect(reverse("admin:journeys_program_changelist"))

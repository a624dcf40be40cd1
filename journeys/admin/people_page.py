"""Participants of a program: the list behind every figure, and what can be done to them."""

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from csplatform.adminkit.paging import EstimatingPaginator
from csplatform.kit.errors import DomainError
from journeys.admin.door import frame, load_program, need
from journeys.models import Participant, Program, Step
from journeys.operations.enroll import remove_participants, retry_participants
from journeys.snapshot.participants import CONTROLS, STATES, WHATS, PeopleFilter, find_people

PAGE = 50
CHOSEN_MAX = 500


@require_GET
def people_page(request: HttpRequest, object_id: str, *, model_admin: ModelAdmin) -> HttpResponse:
    """The list, filtered as the address says."""
    need(request, "journeys.view_participant")
    program = load_program(object_id)
    wanted = PeopleFilter.read(request.GET.dict())
    pages = EstimatingPaginator(find_people(program, wanted), PAGE)
    query = request.GET.copy()
    query.pop("page", None)
    context = frame(
        model_admin,
        request,
        program,
        page=pages.get_page(request.GET.get("page")),
        wanted=wanted,
        states=STATES,
        whats=WHATS,
        controls=CONTROLS,
        steps=step_names(program),
        query=query.urlencode(),
    )
    return TemplateResponse(request, "admin/journeys/program/people.html", context)


def step_names(program: Program) -> dict[str, str]:
    """Steps of all versions by key, called as in the newest."""
    rows = Step.objects.filter(version__program=program).order_by("version__number", "pk")
    return dict(rows.values_list("key", "name"))


def chosen_ids(request: HttpRequest, program: Program) -> list[int]:
    """The ticked participants, as far as they belong to the program."""
    given = [int(text) for text in request.POST.getlist("id") if text.isdigit() and len(text) < 19]
    rows = Participant.objects.filter(program=program, pk__in=given[:CHOSEN_MAX])
    return list(rows.values_list("pk", flat=True))


@require_POST
def people_do(request: HttpRequest, object_id: str, *, model_admin: ModelAdmin) -> HttpResponse:
    """Remove or retry the ticked ones: do=remove|retry, id=…"""
    need(request, "journeys.enroll_participant")
    program = load_program(object_id)
    ids = chosen_ids(request, program)
    try:
        if not ids:
            messages.warning(request, "Tick at least one participant first.")
        elif request.POST.get("do") == "retry":
            revived = retry_participants(ids, actor=request.user)
            messages.success(request, f"{revived} of {len(ids)} try their step again.")
        elif request.POST.get("do") == "remove":
            reason = request.POST.get("reason", "").replace("\x00", "").strip()[:200]
            removed = remove_participants(
                ids, actor=request.user, reason=reason or "Removed by hand"
            )
            messages.success(request, f"{removed} of {len(ids)} were taken out.")
    except DomainError as error:
        messages.error(request, str(error))
    back = request.POST.get("back", "")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}):
        back = reverse("admin:journeys_program_participants", args=[program.pk])
    return HttpResponseRedirect(back)

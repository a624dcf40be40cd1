"""Failed participants of a program: who was refused and why, as CSV, and trying again."""

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from csplatform.adminkit.paging import EstimatingPaginator
from csplatform.kit.csvfile import csv_lines
from csplatform.kit.errors import DomainError
from journeys.admin.door import frame, load_program, need
from journeys.models import Refusal
from journeys.operations.refusals import AT_ONCE, try_again
from journeys.snapshot.refusals import (
    HEADER,
    find_refusals,
    reason_counts,
    reason_sentences,
    table,
)

PAGE = 50


@require_GET
def refused_page(
    request: HttpRequest, object_id: str, *, model_admin: ModelAdmin
) -> HttpResponse | StreamingHttpResponse:
    """The list, filtered as the address says; ?format=csv is the same as a file."""
    need(request, "journeys.view_participant")
    program = load_program(object_id)
    reason = request.GET.get("reason", "")[:60]
    search = request.GET.get("q", "").replace("\x00", "").strip()[:200]
    rows = find_refusals(program, reason=reason, search=search)
    counts = reason_counts(program)
    sentences = reason_sentences(program, list(counts))
    if request.GET.get("format") == "csv":
        answer = StreamingHttpResponse(
            csv_lines(HEADER, table(rows, sentences)), content_type="text/csv; charset=utf-8"
        )
        answer["Content-Disposition"] = f'attachment; filename="refused-{program.pk}.csv"'
        return answer
    query = request.GET.copy()
    query.pop("page", None)
    context = frame(
        model_admin, request, program,
        page=EstimatingPaginator(rows, PAGE).get_page(request.GET.get("page")),
        reasons=[(key, sentences[key], number) for key, number in counts.items()],
        sentences=sentences, reason=reason, search=search, query=query.urlencode(),
    )  # fmt: skip
    return TemplateResponse(request, "admin/journeys/program/refused.html", context)


@require_POST
def refused_do(request: HttpRequest, object_id: str, *, model_admin: ModelAdmin) -> HttpResponse:
    """Try the ticked ones again, or all that the filter shows: id=…, all=1, reason=…, q=…"""
    need(request, "journeys.enroll_participant")
    program = load_program(object_id)
    reason, search = request.POST.get("reason", "")[:60], request.POST.get("q", "")[:200]
    rows = Refusal.objects.filter(program=program)
    if request.POST.get("all"):
        rows = find_refusals(program, reason=reason, search=search.replace("\x00", ""))
    else:
        given = [int(text) for text in request.POST.getlist("id") if text.isdigit()]
        rows = rows.filter(pk__in=[pk for pk in given if pk < 2**63])
    ids = list(rows.order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
    try:
        tried = try_again(ids, actor=request.user)
        messages.success(request, f"{tried.entered:,} of {len(ids):,} entered.")
        sentences = reason_sentences(program, list(tried.refused))
        for key, number in tried.refused.items():
            messages.warning(request, f"{number:,} did not get in: {sentences[key]}")
    except DomainError as error:
        messages.error(request, str(error))
    return HttpResponseRedirect(reverse("admin:journeys_program_refused", args=[program.pk]))

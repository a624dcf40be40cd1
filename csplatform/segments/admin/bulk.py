"""“Add to a static list” on the lists of people and companies."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from csplatform.adminkit.base import tell_problems
from csplatform.kit.errors import DomainError
from csplatform.segments.admin.forms import ListChoiceForm
from csplatform.segments.models import Kind
from csplatform.segments.operations.definition import SegmentInput, save_segment
from csplatform.segments.operations.membership import add_members

MAX_ROWS = 50_000


def add_to_list(model_admin: Any, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
    """Ask for the list, then add the chosen rows."""
    subject = model_admin.opts.model_name
    form = ListChoiceForm(request.POST if "confirmed" in request.POST else None, subject=subject)
    if form.is_bound and form.is_valid():
        return _add(request, queryset, form.cleaned_data, subject)
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": "Add to a static list",
        "form": form,
        "count": queryset.count(),
        "action": "add_to_list",
        "across": request.POST.get("select_across", "0"),
        "ticked": request.POST.getlist(ACTION_CHECKBOX_NAME),
        "checkbox": ACTION_CHECKBOX_NAME,
    }
    return render(request, "segments/add_to_list.html", context)


def _add(
    request: HttpRequest, queryset: QuerySet[Any], chosen: dict[str, Any], subject: str
) -> HttpResponse:
    """Through the operations; back to the list's members."""
    try:
        segment = chosen["segment"] or save_segment(
            SegmentInput(chosen["name"], subject=subject, kind=Kind.STATIC), actor=request.user
        )
        ids = list(queryset.order_by().values_list("pk", flat=True)[:MAX_ROWS])
        count = add_members(segment.pk, ids, actor=request.user)
    except DomainError as error:
        tell_problems(request, error)
        return HttpResponseRedirect(request.get_full_path())
    messages.success(request, f"{count:,} added to “{segment}”.")
    if len(ids) == MAX_ROWS:
        messages.warning(request, f"Only the first {MAX_ROWS:,} were added; a rule suits more.")
    return HttpResponseRedirect(reverse("admin:segments_segment_members", args=[segment.pk]))

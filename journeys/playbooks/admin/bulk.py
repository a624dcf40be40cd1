"""“Assign a playbook” on the lists of people and companies."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from csplatform.adminkit.base import tell_problems
from csplatform.kit.errors import DomainError
from journeys.models import Playbook
from journeys.playbooks.operations.change import hand_over
from journeys.playbooks.operations.runs import assign_playbook
from journeys.playbooks.subjects import Subject

MAX_ROWS = 10_000


def assign_action(model_admin: Any, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
    """Ask for the playbook, then assign it to the chosen rows."""
    subject = model_admin.opts.model_name
    books = Playbook.objects.filter(subject=subject, is_active=True)
    chosen = books.filter(pk=request.POST["playbook"]).first() if _picked(request) else None
    if chosen is not None:
        _assign(request, queryset, chosen, subject)
        return HttpResponseRedirect(request.get_full_path())
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": "Assign a playbook",
        "books": books,
        "count": queryset.count(),
        "most": MAX_ROWS,
        "across": request.POST.get("select_across", "0"),
        "ticked": request.POST.getlist(ACTION_CHECKBOX_NAME),
        "checkbox": ACTION_CHECKBOX_NAME,
    }
    return render(request, "playbooks/assign.html", context)


def _picked(request: HttpRequest) -> bool:
    return "confirmed" in request.POST and request.POST.get("playbook", "").isdecimal()


def _assign(request: HttpRequest, queryset: QuerySet[Any], book: Playbook, subject: str) -> None:
    ids = list(queryset.order_by("pk").values_list("pk", flat=True)[:MAX_ROWS])
    subjects = [Subject(**{f"{subject}_id": pk}) for pk in ids]
    try:
        runs = assign_playbook(book.pk, subjects, actor=request.user)
    except DomainError as error:
        tell_problems(request, error)
        return
    new = sum(run.new for run in runs)
    messages.success(request, f"“{book}” started for {new:,}.")
    if new < len(runs):
        messages.info(request, f"It was under way already for {len(runs) - new:,}.")


def hand_over_action(model_admin: Any, request: HttpRequest, queryset: QuerySet[Any]) -> None:
    """Give the open tasks of the chosen companies to their CSMs."""
    ids = list(queryset.order_by("pk").values_list("pk", flat=True)[:MAX_ROWS])
    counts = hand_over(ids, actor=request.user)
    messages.success(request, f"{sum(counts.values()):,} open tasks went to the CSM.")

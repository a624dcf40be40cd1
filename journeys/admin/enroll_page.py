"""Enrol by hand: search, or paste addresses; says who would be refused and why."""

import re
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from csplatform.customers.models import Company, ExternalId, Person
from csplatform.kit.errors import DomainError
from journeys.admin.door import frame, load_program, need
from journeys.engine.candidates import requirements_of, sentence_of
from journeys.engine.versions import load_versions
from journeys.models import Program
from journeys.models.program import ProgramState
from journeys.operations.enroll import enroll

MAX_LINES = 5000
SEARCHED = 20


@dataclass
class Found:
    """What pasted lines stand for."""

    ids: list[int] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def enroll_page(request: HttpRequest, object_id: str, *, model_admin: ModelAdmin) -> HttpResponse:
    """The form, and the enrolling itself."""
    need(request, "journeys.enroll_participant")
    program = load_program(object_id)
    if request.method != "POST":
        ids = _numbers(request.GET.get("ids", "").split(","))[:500]
        return _form(request, program, model_admin, search=request.GET.get("q", ""), ids=ids)
    if request.POST.get("do") != "search":
        return _enroll(request, program, model_admin)
    return _form(
        request,
        program,
        model_admin,
        search=request.POST.get("q", ""),
        ids=_numbers(request.POST.getlist("id")),
        lines=request.POST.get("lines", ""),
    )


def _form(
    request: HttpRequest,
    program: Program,
    model_admin: ModelAdmin,
    *,
    ids: list[int],
    search: str = "",
    lines: str = "",
) -> HttpResponse:
    """The form with what was ticked and pasted so far."""
    text = search.replace("\x00", "").strip()[:200]
    kept = _rows(program, ids)
    found = _search(program, text) if text else []
    context = frame(
        model_admin,
        request,
        program,
        search=text,
        found=[row for row in found if row not in kept],
        kept=kept,
        lines=lines,
    )
    return TemplateResponse(request, "admin/journeys/program/enroll.html", context)


def enroll_action(
    model_admin: Any, request: HttpRequest, queryset: QuerySet[Any]
) -> HttpResponse | None:
    """Bulk action of the people and company lists: choose a program for the ticked ones."""
    kind = queryset.model._meta.model_name
    ids = list(queryset.order_by("pk").values_list("pk", flat=True)[: MAX_LINES + 1])
    active = Program.objects.filter(type=kind, state=ProgramState.ACTIVE, accepts_entries=True)
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": "Enrol in a program",
        "programs": active.order_by("name"),
        "rows": ids[:MAX_LINES],
        "over": len(ids) > MAX_LINES,
        "kind": "people" if kind == "person" else "companies",
        "back": request.get_full_path(),
    }
    return TemplateResponse(request, "admin/journeys/program/choose.html", context)


@require_POST
def enroll_chosen(request: HttpRequest, *, model_admin: ModelAdmin) -> HttpResponse:
    """The second half of the bulk action: program=…, id=…"""
    need(request, "journeys.enroll_participant")
    return _enroll(request, load_program(request.POST.get("program", "")), model_admin)


def _enroll(request: HttpRequest, program: Program, model_admin: ModelAdmin) -> HttpResponse:
    lines = request.POST.get("lines", "").replace("\x00", "")
    ticked = _numbers(request.POST.getlist("id"))
    try:
        found = resolve(program, lines)
        ids = sorted({*ticked, *found.ids})
        if not ids and not found.unknown:
            messages.warning(request, "Tick or paste at least one.")
            return _form(request, program, model_admin, ids=[])
        result = enroll(program.pk, ids, actor=request.user) if ids else None
    except DomainError as error:
        for problem in error.problems:
            messages.error(request, problem.message)
        return _form(request, program, model_admin, ids=ticked, lines=lines)
    if result:
        messages.success(request, f"{result.entered:,} entered.")
        _tell_refused(request, program, dict(result.refused))
    if found.unknown:
        shown = ", ".join(line[:80] for line in found.unknown[:10])
        more = f" and {len(found.unknown) - 10} more" if len(found.unknown) > 10 else ""
        messages.warning(request, f"Nobody is known as: {shown}{more}.")
        # Those stay to be put right; the others are done with.
        return _form(request, program, model_admin, ids=[], lines="\n".join(found.unknown))
    page = "participants" if result and result.entered else "enroll"
    return HttpResponseRedirect(reverse(f"admin:journeys_program_{page}", args=[program.pk]))


def _tell_refused(request: HttpRequest, program: Program, refused: dict[str, int]) -> None:
    versions = load_versions([program.published_id]) if program.published_id else {}
    known = [r for version in versions.values() for r in requirements_of(version)]
    for reason, count in refused.items():
        messages.warning(request, f"{count:,} did not get in: {sentence_of(reason, known)}")


def resolve(program: Program, text: str) -> Found:
    """Ids of pasted lines: mail addresses, names of companies or external ids, one per line.

    Two or three queries whatever their number. Raises DomainError for too many.
    """
    lines = list(dict.fromkeys(part.strip() for part in re.split(r"[\n,;]", text) if part.strip()))
    if len(lines) > MAX_LINES:
        raise DomainError(f"Paste at most {MAX_LINES:,} at a time; use a segment for more.")
    known = _people(lines) if program.type == "person" else _companies(lines)
    found = Found()
    for line in lines:
        if line.lower() in known:
            found.ids.append(known[line.lower()])
        else:
            found.unknown.append(line)
    return found


def _people(lines: list[str]) -> dict[str, int]:
    lowered = [line.lower() for line in lines]
    living = Person.objects.filter(merged_into=None, erased_at=None).annotate(low=Lower("email"))
    by_mail = living.filter(low__in=lowered).values_list("low", "pk")
    by_id = ExternalId.objects.filter(value__in=lines, person__in=living).values_list(
        "value", "person_id"
    )
    return {value.lower(): pk for value, pk in by_id} | dict(by_mail)


def _companies(lines: list[str]) -> dict[str, int]:
    living = Company.objects.filter(merged_into=None).annotate(low=Lower("name"))
    by_name = living.filter(low__in=[line.lower() for line in lines]).values_list("low", "pk")
    by_id = living.filter(external_id__in=lines).values_list("external_id", "pk")
    return dict(by_name) | {str(value).lower(): pk for value, pk in by_id}


def _search(program: Program, text: str) -> list[Any]:
    """The first whose name or address begins so."""
    low = text.lower()
    if program.type == "company":
        rows = Company.objects.filter(merged_into=None).alias(low=Lower("name"))
        return list(rows.filter(low__startswith=low).order_by("name")[:SEARCHED])
    living = Person.objects.filter(merged_into=None, erased_at=None)
    names = living.alias(low=Lower("name")).filter(low__startswith=low)[:SEARCHED]
    mails = living.alias(low=Lower("email")).filter(low__startswith=low)[:SEARCHED]
    found = {person.pk: person for person in [*names, *mails]}
    return sorted(found.values(), key=str)[:SEARCHED]


def _numbers(texts: list[str]) -> list[int]:
    return [int(text) for text in texts if text.isdecimal() and len(text) < 19]


def _rows(program: Program, ids: list[int]) -> list[Any]:
    """Those ticked before a search, or brought along by a bulk action of another list."""
    model: Any = Person if program.type == "person" else Company
    return sorted(model.objects.filter(pk__in=ids[:MAX_LINES]), key=str) if ids else []

"""The snapshot pages of companies and people, and the next part of their timelines."""

from collections.abc import Callable
from functools import wraps
from itertools import groupby
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse

from csplatform.adminkit.middleware import console_page
from csplatform.customers.models import Company, Membership, Person
from csplatform.kit.clock import now
from csplatform.snapshots.header import company_header, person_header
from csplatform.snapshots.panels import panels
from csplatform.snapshots.timeline import load_page, read_cursor, sources_for

View = Callable[..., HttpResponseBase]
MAX_ID = 2**63 - 1


def staff_page(permission: str) -> Callable[[View], View]:
    """A page in the console's frame: staff only (others log in first), with a permission."""

    def decorate(view: View) -> View:
        def allowed(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.has_perm(permission):
                raise PermissionDenied
            request.current_app = admin.site.name  # type: ignore[attr-defined]
            return view(request, *args, **kwargs)

        @wraps(view)
        def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            console_page(request)
            return admin.site.admin_view(allowed)(request, *args, **kwargs)

        return page

    return decorate


@staff_page("customers.view_company")
def company_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Everything about a company on one page."""
    company = _company(pk)
    if company.merged_into_id:
        return _moved("company", company.merged_into_id)
    return _page(request, "company", company, company_header(company, request.user))


@staff_page("customers.view_person")
def person_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Everything about a person on one page."""
    person = _person(pk)
    if person.merged_into_id:
        return _moved("person", person.merged_into_id)
    return _page(request, "person", person, person_header(person, _primary(person)))


@staff_page("customers.view_company")
def company_timeline(request: HttpRequest, pk: int) -> HttpResponse:
    """The next part of a company's timeline."""
    return render(request, "snapshots/_timeline.html", _timeline(request, "company", _company(pk)))


@staff_page("customers.view_person")
def person_timeline(request: HttpRequest, pk: int) -> HttpResponse:
    """The next part of a person's timeline."""
    return render(request, "snapshots/_timeline.html", _timeline(request, "person", _person(pk)))


def _company(pk: int) -> Company:
    found = Company.objects.select_related("csm", "activity", "parent").filter(pk=min(pk, MAX_ID))
    company = found.first()
    if company is None:
        raise Http404("There is no such company.")
    return company


def _person(pk: int) -> Person:
    found = Person.objects.select_related("activity").filter(pk=min(pk, MAX_ID), erased_at=None)
    person = found.first()
    if person is None:
        raise Http404("There is no such person.")
    return person


def _primary(person: Person) -> Company | None:
    links = Membership.objects.select_related("company__csm").filter(person=person, is_primary=True)
    link = links.first()
    return link.company if link else None


def _moved(subject: str, pk: int) -> HttpResponseRedirect:
    """Somebody who was merged is found where the winner is."""
    return HttpResponseRedirect(reverse(f"{subject}-snapshot", args=[pk]))


def _page(request: HttpRequest, subject: str, obj: Any, header: dict[str, Any]) -> HttpResponse:
    opts = obj._meta
    context = {
        **admin.site.each_context(request),
        "title": str(obj),
        "subject": subject,
        "obj": obj,
        "header": header,
        "opts": None,
        "list_link": reverse(f"admin:customers_{opts.model_name}_changelist"),
        "list_title": opts.verbose_name_plural.capitalize(),
        "edit_link": reverse(f"admin:customers_{opts.model_name}_change", args=[obj.pk])
        if request.user.has_perm(f"customers.change_{opts.model_name}")
        else "",
        "share_link": reverse("company-share", args=[obj.pk])
        if subject == "company" and request.user.has_perm("snapshots.add_snapshotshare")
        else "",
        "panel_runs": _runs(_panels(request, subject, obj)),
        **_timeline(request, subject, obj),
    }
    return render(request, "snapshots/page.html", context)


def _panels(request: HttpRequest, subject: str, obj: Any) -> list[dict[str, Any]]:
    """Panels that have something to say, drawn."""
    moment = now()
    drawn = []
    for panel in sorted(panels, key=lambda p: (p.order, p.key)):
        if panel.subject != subject:
            continue
        if panel.permission and not request.user.has_perm(panel.permission):
            continue
        found = panel.load(obj.pk, request.user, moment)
        if found is None:
            continue
        context = {"subject": obj, "user": request.user, "panel": panel, "now": moment, **found}
        drawn.append({"panel": panel, "body": render_to_string(panel.template, context, request)})
    return drawn


def _runs(drawn: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Neighbours of the same width together: halves share two columns."""
    return [
        (width, list(rows)) for width, rows in groupby(drawn, key=lambda row: row["panel"].width)
    ]


def _timeline(request: HttpRequest, subject: str, obj: Any) -> dict[str, Any]:
    """A page of the timeline; an unknown kind shows everything."""
    sources = sources_for(subject, request.user)
    chosen = request.GET.get("kind", "")
    wanted = [source for source in sources if source.key == chosen] or sources
    page = load_page(subject, obj.pk, wanted, read_cursor(request.GET.get("before", "")))
    return {
        "timeline": page,
        "timeline_sources": sources,
        "timeline_kind": chosen if len(wanted) < len(sources) else "",
        "timeline_link": reverse(f"{subject}-timeline", args=[obj.pk]),
        "timeline_later": "before" in request.GET,
        "page_link": reverse(f"{subject}-snapshot", args=[obj.pk]),
    }

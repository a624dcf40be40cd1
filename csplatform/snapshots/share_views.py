"""Sharing a company's snapshot: the staff page with its links, and what the customer sees."""

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from csplatform.adminkit.base import tell_problems
from csplatform.customers.models import Company
from csplatform.kit.clock import now
from csplatform.kit.errors import DomainError
from csplatform.snapshots.header import shared_figures
from csplatform.snapshots.models import SnapshotShare
from csplatform.snapshots.panels import panels
from csplatform.snapshots.sharing import LIVES, make_share, open_share, revoke_shares
from csplatform.snapshots.views import MAX_ID, staff_page

ADD, CHANGE = "snapshots.add_snapshotshare", "snapshots.change_snapshotshare"
SHOWN = 50
# The link that was just made, for the next page alone: it cannot be shown again.
_FRESH = "snapshot-share"


def _company(pk: int) -> Company:
    company = Company.objects.filter(pk=min(pk, MAX_ID), merged_into=None).first()
    if company is None:
        raise Http404("There is no such company.")
    return company


@staff_page(ADD)
@never_cache
def share_page(request: HttpRequest, pk: int) -> HttpResponse:
    """The links of a company, and a form for another one."""
    company = _company(pk)
    if request.method == "POST":
        days = request.POST.get("days", "")
        try:
            wanted = int(days) if days.isdecimal() and len(days) < 5 else 0
            _, token = make_share(company.pk, wanted, actor=request.user)
        except DomainError as error:
            tell_problems(request, error)
        else:
            request.session[_FRESH] = [company.pk, token]
        return HttpResponseRedirect(reverse("company-share", args=[company.pk]))
    moment = now()
    shares = SnapshotShare.objects.filter(company=company).select_related("made_by")[:SHOWN]
    context = {
        **admin.site.each_context(request),
        "title": f"Share {company}",
        "company": company,
        "lives": LIVES,
        "fresh": _fresh_link(request, company),
        "shares": [(share, share.state(moment)) for share in shares],
        "may_revoke": request.user.has_perm(CHANGE),
        "parts": [panel.label for panel in _shareable()],
    }
    return render(request, "snapshots/share.html", context)


def _fresh_link(request: HttpRequest, company: Company) -> str:
    made_for, token = request.session.pop(_FRESH, (0, ""))
    if made_for != company.pk:
        return ""
    return settings.PUBLIC_URL.rstrip("/") + reverse("shared-snapshot", args=[token])


@staff_page(CHANGE)
@require_POST
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """End a link of this company."""
    company = _company(pk)
    text = request.POST.get("share", "")
    wanted = int(text) if text.isdecimal() and len(text) < 19 else 0
    own = SnapshotShare.objects.filter(company=company, pk=wanted).values_list("pk", flat=True)
    if revoke_shares(list(own), actor=request.user):
        messages.success(request, "The link was revoked; it opens nothing any more.")
    else:
        messages.info(request, "It was revoked already.")
    return HttpResponseRedirect(reverse("company-share", args=[company.pk]))


@never_cache
@require_safe
def shared_page(request: HttpRequest, token: str) -> HttpResponse:
    """What the customer sees: figures and the panels that are fit for it. No console around it."""
    share = open_share(token)
    if share is None:
        response = render(request, "snapshots/shared_gone.html", status=404)
    else:
        context = {
            "company": share.company,
            "figures": shared_figures(share.company),
            "panels": _drawn(share.company),
            "until": share.expires_at,
        }
        response = render(request, "snapshots/shared.html", context)
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Referrer-Policy"] = "no-referrer"
    return response


def _shareable() -> list[Any]:
    fit = [panel for panel in panels if panel.shareable and panel.subject == "company"]
    return sorted(fit, key=lambda panel: (panel.order, panel.key))


def _drawn(company: Company) -> list[tuple[Any, str]]:
    moment = now()
    drawn: list[tuple[Any, str]] = []
    for panel in _shareable():
        found = panel.load(company.pk, None, moment)
        if found is not None:
            # without the request: nothing of the console's context reaches this page
            context = {"subject": company, "panel": panel, "now": moment, **found, "shared": True}
            drawn.append((panel, render_to_string(panel.template, context)))
    return drawn

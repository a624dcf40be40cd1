"""Setting the pulse from a company's page."""

from datetime import timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from csplatform.adminkit.base import tell_problems
from csplatform.health.operations import set_pulse
from csplatform.kit.clock import now
from csplatform.kit.errors import DomainError
from csplatform.snapshots.views import staff_page

EXPIRIES = {"30": 30, "90": 90, "365": 365}


@require_POST
@staff_page("health.add_pulse")
def pulse(request: HttpRequest, pk: int) -> HttpResponse:
    """Put down what one feels; back to the page."""
    points = request.POST.get("points", "")
    days = EXPIRIES.get(request.POST.get("expires", ""))
    try:
        if not points.isdecimal() or len(points) > 3:
            raise DomainError("Choose a pulse.", path="/points", code="missing")
        expires_at = now() + timedelta(days=days) if days else None
        note = request.POST.get("note", "")
        set_pulse(pk, int(points), actor=request.user, note=note, expires_at=expires_at)
        messages.success(request, "The pulse counts from now on.")
    except DomainError as error:
        tell_problems(request, error)
    return HttpResponseRedirect(reverse("company-snapshot", args=[pk]) + "#health")

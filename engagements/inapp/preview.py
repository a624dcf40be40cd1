"""Previews of drafts: the frame that the builder shows, and the content filled in for it."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from csplatform.customers.models import Person
from csplatform.kit.errors import DomainError, Problem
from csplatform.kit.registry import UnknownKind
from engagements.inapp.content import content_problems, filled_in, parse_content
from engagements.tracker import scripts
from journeys.emails.context import Recipient, load_values


@require_GET
@login_required
def frame(request: HttpRequest, renderer: str) -> HttpResponse:
    """A bare page outside of /admin/, so under the strict policy that the renderer must bear."""
    if not request.user.has_perm("engagements.view_engagement"):
        raise PermissionDenied
    if scripts.renderer(renderer) is None:
        raise Http404
    address = reverse("journey-renderer", args=[renderer])
    version = scripts.renderer_version(renderer)
    return render(request, "engagements/frame.html", {"renderer": f"{address}?v={version}"})


def preview(kind: str, content: Any) -> dict[str, Any]:
    """A draft as the browser would get it, for somebody who exists: {content, problems, as}.

    `content` is None while the draft cannot be read; problems carry paths below the content.
    """
    try:
        parsed = parse_content(kind, content)
    except UnknownKind as error:
        return {"content": None, "problems": [_shown(Problem("/kind", str(error)))], "as": ""}
    except DomainError as error:
        return {"content": None, "problems": [_shown(p) for p in error.problems], "as": ""}
    person = _somebody()
    values = load_values([Recipient(person.pk if person else None)])[0]
    return {
        "content": filled_in(parsed, values),
        "problems": [_shown(p) for p in content_problems(parsed)],
        "as": f"as {person} sees it" if person and parsed.has_tokens else "",
    }


def _somebody() -> Person | None:
    """A person with a name and a company, if there is one: tokens of both show something."""
    living = Person.objects.filter(merged_into=None, erased_at=None).exclude(name="")
    at_company = living.filter(memberships__is_primary=True).order_by("pk").first()
    return at_company or living.order_by("pk").first()


def _shown(problem: Problem) -> dict[str, str]:
    return {"path": problem.path, "message": problem.message, "level": problem.level}

"""What the program pages share: loading, permissions, JSON answers, the frame of the admin."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse

from csplatform.api.parsing import unfit_places
from csplatform.kit.errors import DomainError, Problem
from journeys.models import Program

View = Callable[..., HttpResponse]
MAX_BODY = 2_000_000


def load_program(program_id: str) -> Program:
    """The program of a URL, or 404."""
    if not str(program_id).isdigit() or len(str(program_id)) > 18:
        raise Http404
    found = Program.objects.select_related("folder", "published").filter(pk=program_id).first()
    if found is None:
        raise Http404("There is no such program (any more).")
    return found


def need(request: HttpRequest, permission: str) -> None:
    """403 for users without a permission."""
    if not request.user.has_perm(permission):
        raise PermissionDenied


def frame(
    model_admin: ModelAdmin, request: HttpRequest, program: Program, **more: Any
) -> dict[str, Any]:
    """Context of a page below a program: sidebar, tabs, title."""
    request.current_app = model_admin.admin_site.name  # type: ignore[attr-defined]
    user = request.user
    return {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "model_admin": model_admin,
        "original": program,
        "program": program,
        "title": program.name,
        "can_change": user.has_perm("journeys.change_program"),
        "can_publish": user.has_perm("journeys.publish_program"),
        "can_enroll": user.has_perm("journeys.enroll_participant"),
        **more,
    }


def problem_answer(error: DomainError) -> JsonResponse:
    """A domain error as JSON."""
    problems = [
        {"path": p.path, "message": p.message, "code": p.code, "level": p.level}
        for p in error.problems
    ]
    return JsonResponse({"problems": problems}, status=error.status)


def json_door(view: View) -> View:
    """Answers of a JSON endpoint: domain errors, missing things and refusals as JSON."""

    @wraps(view)
    def answer(*args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(*args, **kwargs)
        except DomainError as error:
            return problem_answer(error)
        except Http404:
            problem = {"path": "", "message": "This no longer exists.", "code": "gone"}
            return JsonResponse({"problems": [problem]}, status=404)
        except PermissionDenied:
            problem = {"path": "", "message": "Your role does not allow this.", "code": "denied"}
            return JsonResponse({"problems": [problem]}, status=403)

    return answer


def body_of(request: HttpRequest) -> dict[str, Any]:
    """The JSON object of a request. Raises DomainError for anything else."""
    if len(request.body) > MAX_BODY:
        raise DomainError("This is too large to be a flow.", code="too_large")
    try:
        data = json.loads(request.body)
    except (ValueError, RecursionError):
        raise DomainError("The request is no JSON.", code="json") from None
    if not isinstance(data, dict):
        raise DomainError("Expected a JSON object.", code="type")
    if problems := unfit_places(data):
        raise DomainError(problems)
    return data


def revision_of(request: HttpRequest) -> int | None:
    """The draft that somebody looked at, from a form; None when it does not say."""
    text = request.POST.get("revision", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def whole_number(data: dict[str, Any], name: str) -> int:
    """A required number of a JSON body."""
    value = data.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**31:
        raise DomainError([Problem(f"/{name}", "Expected a whole number.", "type")])
    return value

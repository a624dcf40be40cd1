"""One shape for every error: {"error": {code, message, problems: [{path, code, message}]}}."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.db import DataError, IntegrityError, OperationalError
from django.db.models import ProtectedError
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from psycopg.errors import DeadlockDetected, ForeignKeyViolation, LockNotAvailable, UniqueViolation
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from csplatform.kit.errors import DomainError, Problem

CODES = {
    400: "invalid", 401: "not_authenticated", 403: "permission_denied", 404: "not_found",
    405: "method_not_allowed", 406: "not_acceptable", 409: "conflict", 413: "too_large",
    415: "unsupported_media_type", 429: "throttled",
}  # fmt: skip
MAX_PROBLEMS = 100
# What a handler did not foresee but the database refused for a reason that the sender can mend.
_BUSY = (DeadlockDetected, LockNotAvailable)


def error_body(status: int, problems: Iterable[Problem]) -> dict[str, Any]:
    """The body of an error answer."""
    listed = list(problems)[:MAX_PROBLEMS]
    message = (
        listed[0].message if len(listed) == 1 else f"{len(listed)} things are wrong; see problems."
    )
    return {
        "error": {
            "code": CODES.get(status, "error"),
            "message": message,
            "problems": [{"path": p.path, "code": p.code, "message": p.message} for p in listed],
        }
    }


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's hook. None lets unknown errors become a 500 with a request id in the log."""
    status, problems, headers = _read(error)
    if not status:
        return None
    set_rollback()
    return Response(error_body(status, problems), status=status, headers=headers)


def _read(error: Exception) -> tuple[int, list[Problem], dict[str, str]]:
    """Status, problems and headers of an error; status 0 for one that is our own fault."""
    if isinstance(error, DomainError):
        return error.status, error.problems, {}
    if isinstance(error, (Http404, ObjectDoesNotExist)):
        return 404, [Problem("", "There is no such thing here.", "not_found")], {}
    if isinstance(error, PermissionDenied):
        return 403, [Problem("", "Your role does not allow this.", "permission_denied")], {}
    if isinstance(error, exceptions.APIException):
        return error.status_code, _flatten(error.get_full_details(), ""), _headers(error)
    if isinstance(error, DataError):
        return 400, [Problem("", "A value does not fit its column.", "invalid")], {}
    if isinstance(error, IntegrityError | OperationalError):  # ProtectedError is one too
        return _of_database(error)
    return 0, [], {}


def _of_database(error: Exception) -> tuple[int, list[Problem], dict[str, str]]:
    if isinstance(error.__cause__, UniqueViolation):
        return 409, [Problem("", "Something with this name or id exists already.", "taken")], {}
    if isinstance(error, ProtectedError) or isinstance(error.__cause__, ForeignKeyViolation):
        return (
            409,
            [Problem("", "Something that this needs or that needs it is in use.", "in_use")],
            {},
        )
    if isinstance(error.__cause__, _BUSY):
        return 409, [Problem("", "Somebody else is changing the same; try again.", "busy")], {}
    return 0, [], {}


def _headers(error: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = str(error.auth_header)  # type: ignore[attr-defined]
    if getattr(error, "wait", None):
        headers["Retry-After"] = str(int(error.wait) + 1)  # type: ignore[attr-defined]
    return headers


def _flatten(details: Any, path: str) -> list[Problem]:
    """DRF's nested details as problems with paths."""
    if isinstance(details, dict) and set(details) == {"message", "code"}:
        return [Problem(path, str(details["message"]), str(details["code"]))]
    if isinstance(details, dict):
        return [
            row
            for key, part in details.items()
            for row in _flatten(part, path if key == "non_field_errors" else f"{path}/{key}")
        ]
    found: list[Problem] = []
    for index, part in enumerate(details):
        single = isinstance(part, dict) and set(part) == {"message", "code"}
        found += _flatten(part, path if single else f"{path}/{index}")
    return found


@contextmanager
def replanted(old: str, new: str = "") -> Iterator[None]:
    """Rewrite the beginning of problems' paths: operations number their items, we may have one."""
    try:
        yield
    except DomainError as error:
        error.problems = [
            replace(p, path=new + p.path.removeprefix(old)) if _below(p.path, old) else p
            for p in error.problems
        ]
        raise


def _below(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(f"{prefix}/")


@csrf_exempt
def no_such_address(request: HttpRequest, rest: str = "") -> JsonResponse:
    """The answer for anything under /api/ that is no address."""
    return JsonResponse(
        error_body(404, [Problem("", "There is no such address in this API.", "not_found")]),
        status=404,
    )

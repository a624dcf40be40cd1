"""One shape for every error: {"errors": [{"code", "path", "message"}]}."""

from typing import Any

from rest_framework.exceptions import APIException
from rest_framework.response import Response
from rest_framework.views import exception_handler

from csplatform.kit.errors import DomainError


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's hook. None lets unknown errors become a 500 with a request id in the log."""
    if isinstance(error, DomainError):
        found = [{"code": p.code, "path": p.path, "message": p.message} for p in error.problems]
        return Response({"errors": found}, status=error.status)
    response = exception_handler(error, context)
    if response is not None and isinstance(error, APIException):
        response.data = {"errors": _flatten(error.get_full_details(), "")}
    return response


def _flatten(details: Any, path: str) -> list[dict[str, str]]:
    if isinstance(details, dict) and set(details) == {"message", "code"}:
        return [{"code": details["code"], "path": path, "message": str(details["message"])}]
    if isinstance(details, dict):
        return [row for key, part in details.items() for row in _flatten(part, f"{path}/{key}")]
    if all(isinstance(part, dict) and set(part) == {"message", "code"} for part in details):
        return [row for part in details for row in _flatten(part, path)]
    return [row for i, part in enumerate(details) for row in _flatten(part, f"{path}/{i}")]
